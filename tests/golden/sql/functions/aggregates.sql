SELECT count(*) FROM t;
SELECT count(*) FROM "t";

SELECT count(DISTINCT id % 2) FROM t;
SELECT count(DISTINCT "id" % 2) FROM "t";

SELECT count(DISTINCT a, b) FROM VALUES (1, 2), (1, 2), (1, NULL) AS t(a, b);
SELECT count(DISTINCT CASE WHEN "a" IS NULL OR "b" IS NULL THEN NULL ELSE row("a", "b") END) FROM (VALUES (1, 2), (1, 2), (1, NULL)) AS "t"("a", "b");

SELECT sum(id) FROM t;
SELECT sum("id") FROM "t";

SELECT sum(a) FROM VALUES (1), (2) AS t(a);
SELECT sum("a") FROM (VALUES (1), (2)) AS "t"("a");

SELECT avg(id) FROM t;
SELECT avg("id") FROM "t";

SELECT count_if(id > 1) FROM t;
SELECT CAST(coalesce(count_if("id" > 1), 0) AS BIGINT) FROM "t";

SELECT max(v) FROM VALUES (1d), (double('NaN')) AS t(v);
SELECT max("v") FROM (VALUES (spark_double(1)), (spark_double('NaN'))) AS "t"("v");

SELECT min(v) FROM VALUES (1d), (double('NaN')) AS t(v);
SELECT min("v") FROM (VALUES (spark_double(1)), (spark_double('NaN'))) AS "t"("v");

SELECT median(id) FROM t;
SELECT quantile_cont(spark_double("id"), 0.5) FROM "t";

SELECT percentile(id, 0.25) FROM t;
SELECT quantile_cont(spark_double("id"), 0.25) FROM "t";

SELECT percentile(id, array(0.25, 0.5)) FROM t;
SELECT quantile_cont(spark_double("id"), [0.25, 0.5]) FROM "t";

SELECT percentile_approx(id, 0.5) FROM t;
SELECT quantile_disc("id", 0.5) FROM "t";

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM t;
SELECT quantile_cont(spark_double("id"), 0.5) FROM "t";

SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY id DESC) FROM t;
SELECT quantile_cont(spark_double("id"), 1 - 0.25) FROM "t";

SELECT stddev(id) FROM t;
SELECT stddev_samp("id") FROM "t";

SELECT stddev_pop(id) FROM t;
SELECT stddev_pop("id") FROM "t";

SELECT var_samp(id) FROM t;
SELECT var_samp("id") FROM "t";

SELECT array_sort(collect_list(v)) FROM VALUES (2), (NULL), (1) AS t(v);
SELECT list_sort(COALESCE(list_filter(list("v"), LAMBDA "element" : NOT ("element" IS NULL)), []), 'ASC', 'NULLS LAST') FROM (VALUES (2), (NULL), (1)) AS "t"("v");

SELECT collect_list(v) FROM VALUES (2) AS t(v) WHERE v > 5;
SELECT COALESCE(list_filter(list("v"), LAMBDA "element" : NOT ("element" IS NULL)), []) FROM (VALUES (2)) AS "t"("v") WHERE "v" > 5;

SELECT array_sort(collect_set(v)) FROM VALUES (2), (2), (1) AS t(v);
SELECT list_sort(COALESCE(list_filter(list(DISTINCT "v"), LAMBDA "element" : NOT ("element" IS NULL)), []), 'ASC', 'NULLS LAST') FROM (VALUES (2), (2), (1)) AS "t"("v");

SELECT size(collect_list(v) FILTER (WHERE v > 1)) FROM VALUES (2), (3), (1) AS t(v);
SELECT CAST(cardinality(COALESCE(list_filter(list("v") FILTER(WHERE "v" > 1), LAMBDA "element" : NOT ("element" IS NULL)), [])) AS INT) FROM (VALUES (2), (3), (1)) AS "t"("v");

SELECT max_by(a, b) FROM VALUES ('x', 1), ('y', 2) AS t(a, b);
SELECT arg_max_null("a", "b") FROM (VALUES ('x', 1), ('y', 2)) AS "t"("a", "b");

SELECT min_by(a, b) FROM VALUES ('x', 1), ('y', 2) AS t(a, b);
SELECT arg_min_null("a", "b") FROM (VALUES ('x', 1), ('y', 2)) AS "t"("a", "b");

SELECT max(struct(b, a)).a FROM VALUES ('x', 1), ('y', 2) AS t(a, b);
SELECT max(struct_pack("b" := "b", "a" := "a"))."a" FROM (VALUES ('x', 1), ('y', 2)) AS "t"("a", "b");

SELECT first(v, true) FROM VALUES (NULL), (1) AS t(v);
SELECT first("v") FILTER(WHERE NOT ("v" IS NULL)) FROM (VALUES (NULL), (1)) AS "t"("v");

SELECT bool_and(v > 0) FROM VALUES (0), (1) AS t(v);
SELECT bool_and("v" > 0) FROM (VALUES (0), (1)) AS "t"("v");

SELECT any(v > 0) FROM VALUES (0), (1) AS t(v);
SELECT bool_or("v" > 0) FROM (VALUES (0), (1)) AS "t"("v");

SELECT some(v > 0) FROM VALUES (0), (1) AS t(v);
SELECT bool_or("v" > 0) FROM (VALUES (0), (1)) AS "t"("v");

SELECT approx_count_distinct(id) FROM t;
SELECT approx_count_distinct("id") FROM "t";

SELECT sum(id) FILTER (WHERE id > 1) FROM t;
SELECT sum("id") FILTER(WHERE "id" > 1) FROM "t";

SELECT mode(v) FROM VALUES (1), (2), (2) AS t(v);
SELECT mode("v") FROM (VALUES (1), (2), (2)) AS "t"("v");

SELECT count(*) * 100.0d / sum(id) FROM t;
SELECT spark_divide(count(*) * spark_double(100.0), sum("id")) FROM "t";

SELECT sum(id) / count(*) FROM t;
SELECT spark_divide(sum("id"), count(*)) FROM "t";

SELECT max(id) FROM t HAVING count(*) > 3;
SELECT max("id") FROM "t" HAVING count(*) > 3;
