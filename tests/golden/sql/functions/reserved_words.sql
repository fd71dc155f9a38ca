SELECT window.start, max(window.end) OVER () FROM t ORDER BY window DESC;
SELECT "window"."start", max("window"."end") OVER () FROM "t" ORDER BY "window" DESC;

SELECT max(window.end) AS end FROM t WHERE window.start >= current_timestamp() - INTERVAL 1 DAY;
SELECT max("window"."end") AS "end" FROM "t" WHERE "window"."start" >= spark_shift_date(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ), -(INTERVAL '1' DAY));
