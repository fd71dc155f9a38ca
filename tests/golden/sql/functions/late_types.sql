SELECT CAST(sum(a) AS DOUBLE) FROM t;
SELECT list_transform([struct_pack("a0" := sum("a"))], LAMBDA "late" : spark_double(struct_extract("late", 'a0')))[1] FROM "t";

SELECT max(a) AS m, CAST(m AS DOUBLE) FROM t;
SELECT max("a") AS "m", list_transform([struct_pack("a0" := (max("a")))], LAMBDA "late" : spark_double(struct_extract("late", 'a0')))[1] FROM "t";

SELECT timestampdiff(HOUR, max(window.end), current_timestamp()) FROM t;
SELECT date_sub('hour', list_transform([struct_pack("a0" := max("window"."end"))], LAMBDA "late" : spark_timestamp(struct_extract("late", 'a0')))[1], spark_timestamp(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ))) FROM "t";
