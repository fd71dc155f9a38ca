SELECT current_timestamp(), now(), current_date(), current_date, current_timestamp;
SELECT CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ), CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ), CAST('2026-11-23' AS DATE), CAST('2026-11-23' AS DATE), CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ);

SELECT current_user(), current_catalog(), current_schema(), current_database();
SELECT 'a@example.com', 'main', 'default', 'default';
