SELECT get_json_object('{"a":{"b":[1,2]}}', '$.a.b[1]');
SELECT spark_json_text('{"a":{"b":[1,2]}}', '$."a"."b"[1]');

SELECT get_json_object('{"a":"x"}', '$.a');
SELECT spark_json_text('{"a":"x"}', '$."a"');

SELECT get_json_object('{"a":[1,"x"]}', '$.a');
SELECT spark_json_text('{"a":[1,"x"]}', '$."a"');

SELECT get_json_object('not json', '$.a');
SELECT spark_json_text('not json', '$."a"');

SELECT get_json_object('{"a":null}', '$.a');
SELECT spark_json_text('{"a":null}', '$."a"');

SELECT get_json_object('{"a b":1}', "$['a b']");
SELECT spark_json_text('{"a b":1}', '$."a b"');

SELECT doc:a.b[0]::int FROM (SELECT '{"a":{"b":[7]}}' AS doc);
SELECT spark_int(spark_json_text("doc", '$."a"."b"[0]')) FROM (SELECT '{"a":{"b":[7]}}' AS "doc");

SELECT doc:['x y'] FROM (SELECT '{"x y":"z"}' AS doc);
SELECT spark_json_text("doc", '$."x y"') FROM (SELECT '{"x y":"z"}' AS "doc");

SELECT from_json('[1.5, "NaN", 2]', 'ARRAY<DOUBLE>');
SELECT list_transform(json_transform(spark_valid_json('[1.5, "NaN", 2]'), '["JSON"]'), LAMBDA "v1" : CAST(spark_json_number("v1") AS DOUBLE));

SELECT from_json('[1, 1.5, "2"]', 'ARRAY<INT>');
SELECT list_transform(json_transform(spark_valid_json('[1, 1.5, "2"]'), '["JSON"]'), LAMBDA "v1" : TRY_CAST(spark_json_integer("v1") AS INT));

SELECT from_json('[1, "a", null, {"b":1}]', 'ARRAY<STRING>');
SELECT json_transform(spark_valid_json('[1, "a", null, {"b":1}]'), '["VARCHAR"]');

SELECT from_json('{"a":1,"b":"x"}', 'a INT, b STRING');
SELECT list_transform([json_transform(CASE WHEN json_valid('{"a":1,"b":"x"}') THEN '{"a":1,"b":"x"}' ELSE CASE WHEN '{"a":1,"b":"x"}' IS NULL THEN NULL ELSE '{}' END END, '{"a": "JSON", "b": "VARCHAR"}')], LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("a" := TRY_CAST(spark_json_integer(struct_extract("v1", 'a')) AS INT), "b" := struct_extract("v1", 'b')) END)[1];

SELECT from_json('{"a":1,"b":"x"}', 'STRUCT<a: INT, b: STRING>').b;
SELECT list_transform([json_transform(CASE WHEN json_valid('{"a":1,"b":"x"}') THEN '{"a":1,"b":"x"}' ELSE CASE WHEN '{"a":1,"b":"x"}' IS NULL THEN NULL ELSE '{}' END END, '{"a": "JSON", "b": "VARCHAR"}')], LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("a" := TRY_CAST(spark_json_integer(struct_extract("v1", 'a')) AS INT), "b" := struct_extract("v1", 'b')) END)[1]."b";

SELECT from_json('bad', 'a INT');
SELECT list_transform([json_transform(CASE WHEN json_valid('bad') THEN 'bad' ELSE CASE WHEN 'bad' IS NULL THEN NULL ELSE '{}' END END, '{"a": "JSON"}')], LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("a" := TRY_CAST(spark_json_integer(struct_extract("v1", 'a')) AS INT)) END)[1];

SELECT from_json('bad', 'ARRAY<INT>');
SELECT list_transform(json_transform(spark_valid_json('bad'), '["JSON"]'), LAMBDA "v1" : TRY_CAST(spark_json_integer("v1") AS INT));

SELECT from_json('{"a":1,"b":2.5}', 'MAP<STRING,STRING>');
SELECT json_transform(spark_valid_json('{"a":1,"b":2.5}'), '"MAP(VARCHAR, VARCHAR)"');

SELECT from_json('{"a":1,"b":2.5}', 'MAP<STRING,DOUBLE>');
SELECT list_transform([json_transform(spark_valid_json('{"a":1,"b":2.5}'), '"MAP(VARCHAR, JSON)"')], LAMBDA "v1" : map(map_keys("v1"), list_transform(map_values("v1"), LAMBDA "v2" : CAST(spark_json_number("v2") AS DOUBLE))))[1];

SELECT from_json('{"a":[1,2]}', 'MAP<STRING,ARRAY<INT>>');
SELECT list_transform([json_transform(spark_valid_json('{"a":[1,2]}'), '"MAP(VARCHAR, JSON)"')], LAMBDA "v1" : map(map_keys("v1"), list_transform(map_values("v1"), LAMBDA "v2" : list_transform(json_transform("v2", '["JSON"]'), LAMBDA "v3" : TRY_CAST(spark_json_integer("v3") AS INT)))))[1];

SELECT from_json('[{"a":1},{"a":null}]', 'ARRAY<MAP<STRING,STRING>>');
SELECT json_transform(spark_valid_json('[{"a":1},{"a":null}]'), '["MAP(VARCHAR, VARCHAR)"]');

SELECT from_json('[[1,"a"],[2.5,null]]', 'ARRAY<ARRAY<STRING>>');
SELECT json_transform(spark_valid_json('[[1,"a"],[2.5,null]]'), '[["VARCHAR"]]');

SELECT from_json('{"t":"2026-01-02T03:04:05Z","d":"2026-01-02","f":true}', 't TIMESTAMP, d DATE, f BOOLEAN');
SELECT list_transform([json_transform(CASE WHEN json_valid('{"t":"2026-01-02T03:04:05Z","d":"2026-01-02","f":true}') THEN '{"t":"2026-01-02T03:04:05Z","d":"2026-01-02","f":true}' ELSE CASE WHEN '{"t":"2026-01-02T03:04:05Z","d":"2026-01-02","f":true}' IS NULL THEN NULL ELSE '{}' END END, '{"t": "JSON", "d": "JSON", "f": "JSON"}')], LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("t" := spark_try_timestamp(spark_json_string(struct_extract("v1", 't'))), "d" := spark_try_date(spark_json_string(struct_extract("v1", 'd'))), "f" := spark_json_boolean(struct_extract("v1", 'f'))) END)[1];

SELECT from_json(CAST(NULL AS STRING), 'a INT');
SELECT list_transform([json_transform(CASE WHEN json_valid(CAST(NULL AS TEXT)) THEN CAST(NULL AS TEXT) ELSE CASE WHEN CAST(NULL AS TEXT) IS NULL THEN NULL ELSE '{}' END END, '{"a": "JSON"}')], LAMBDA "v1" : CASE WHEN "v1" IS NULL THEN NULL ELSE struct_pack("a" := TRY_CAST(spark_json_integer(struct_extract("v1", 'a')) AS INT)) END)[1];

SELECT to_json(named_struct('a', 1, 'b', CAST(NULL AS INT)));
SELECT spark_to_json(struct_pack("a" := 1, "b" := CAST(NULL AS INT)));

SELECT to_json(map('a', 1));
SELECT spark_to_json(map(['a'], [1]));

SELECT to_json(array(1, NULL));
SELECT spark_to_json([1, NULL]);

SELECT json_array_length('[1,2]');
SELECT spark_json_length('[1,2]');

SELECT json_array_length('{}');
SELECT spark_json_length('{}');

SELECT json_object_keys('{"a":1,"b":2}');
SELECT json_keys(spark_valid_json('{"a":1,"b":2}'));
