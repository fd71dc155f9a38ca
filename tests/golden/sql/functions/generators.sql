SELECT id, e.i, e.v FROM t LATERAL VIEW posexplode(xs) e AS i, v;
SELECT "id", "e"."i", "e"."v" FROM "t" CROSS JOIN LATERAL (SELECT unnest(list_transform("xs", LAMBDA "item", "place" : struct_pack("pos" := spark_int("place" - 1), "col" := "item")), "max_depth" := 2)) AS "e"("i", "v");

SELECT id, explode(xs) FROM t;
SELECT "id", "__generated".* FROM "t" CROSS JOIN LATERAL (SELECT unnest("xs")) AS "__generated"("col");

SELECT id, k, v FROM t LATERAL VIEW OUTER explode(m) AS k, v;
SELECT "id", "k", "v" FROM "t" CROSS JOIN LATERAL (SELECT unnest(COALESCE(NULLIF(map_entries("m"), []), [NULL]), "max_depth" := 2)) AS "__lateral"("k", "v");

SELECT id, posexplode_outer(xs) AS (i, v) FROM t;
SELECT "id", "__generated".* FROM "t" CROSS JOIN LATERAL (SELECT unnest(COALESCE(NULLIF(list_transform("xs", LAMBDA "item", "place" : struct_pack("pos" := spark_int("place" - 1), "col" := "item")), []), [NULL]), "max_depth" := 2)) AS "__generated"("i", "v");

SELECT r.a FROM t LATERAL VIEW inline(from_json(j, 'ARRAY<STRUCT<a: DOUBLE, b: STRING>>')) r AS a, b;
SELECT "r"."a" FROM "t" CROSS JOIN LATERAL (SELECT unnest(list_transform(json_transform(spark_valid_json("j"), '[{"a": "JSON", "b": "VARCHAR"}]'), LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("a" := CAST(spark_json_number(struct_extract("v1", 'a')) AS DOUBLE), "b" := struct_extract("v1", 'b')) END), "max_depth" := 2)) AS "r"("a", "b");

SELECT explode(map('a', 1));
SELECT "__generated".* FROM (SELECT unnest(map_entries(map(['a'], [1])), "max_depth" := 2)) AS "__generated"("key", "value");
