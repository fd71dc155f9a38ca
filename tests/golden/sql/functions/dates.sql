SELECT date_add(DATE '2026-01-30', 3);
SELECT (spark_date(spark_date('2026-01-30')) + CAST(3 AS INT));

SELECT date_add('2026-01-30', 3);
SELECT (spark_date('2026-01-30') + CAST(3 AS INT));

SELECT date_sub(DATE '2026-01-03', 3);
SELECT (spark_date(spark_date('2026-01-03')) - CAST(3 AS INT));

SELECT datediff(DATE '2026-01-03', DATE '2026-01-01');
SELECT CAST(spark_date(spark_date('2026-01-03')) - spark_date(spark_date('2026-01-01')) AS INT);

SELECT datediff(HOUR, TIMESTAMP '2026-01-01 00:30:00', TIMESTAMP '2026-01-01 02:00:00');
SELECT date_sub('hour', spark_timestamp(spark_timestamp('2026-01-01 00:30:00')), spark_timestamp(spark_timestamp('2026-01-01 02:00:00')));

SELECT timestampdiff(HOUR, TIMESTAMP '2026-01-01 00:30:00', TIMESTAMP '2026-01-01 02:00:00');
SELECT date_sub('hour', spark_timestamp(spark_timestamp('2026-01-01 00:30:00')), spark_timestamp(spark_timestamp('2026-01-01 02:00:00')));

SELECT timestampdiff(MONTH, TIMESTAMP '2026-01-31 00:00:00', TIMESTAMP '2026-02-28 00:00:00');
SELECT CAST(trunc(spark_months_between(spark_timestamp(spark_timestamp('2026-01-31 00:00:00')), spark_timestamp(spark_timestamp('2026-02-28 00:00:00'))) / 1) AS BIGINT);

SELECT dateadd(MONTH, 1, TIMESTAMP '2026-01-31 00:00:00');
SELECT (spark_timestamp(spark_timestamp('2026-01-31 00:00:00')) + to_months(CAST(1 AS INT)));

SELECT timestampadd(MINUTE, -5, TIMESTAMP '2026-01-01 00:00:00');
SELECT (spark_timestamp(spark_timestamp('2026-01-01 00:00:00')) + to_minutes(CAST(-5 AS INT)));

SELECT date_trunc('DAY', TIMESTAMP '2026-01-02 03:04:05');
SELECT date_trunc('day', spark_timestamp(spark_timestamp('2026-01-02 03:04:05')));

SELECT date_trunc('week', DATE '2026-01-02');
SELECT date_trunc('week', spark_timestamp(spark_date('2026-01-02')));

SELECT trunc(DATE '2026-05-20', 'MM');
SELECT CAST(date_trunc('month', spark_date(spark_date('2026-05-20'))) AS DATE);

SELECT add_months(DATE '2026-01-31', 1);
SELECT CAST(spark_date(spark_date('2026-01-31')) + to_months(CAST(1 AS INT)) AS DATE);

SELECT last_day(DATE '2026-02-03');
SELECT last_day(spark_date(spark_date('2026-02-03')));

SELECT unix_timestamp(TIMESTAMP '1970-01-01 00:01:00');
SELECT CAST(floor(epoch(spark_timestamp(spark_timestamp('1970-01-01 00:01:00')))) AS BIGINT);

SELECT unix_timestamp('1970-01-01 00:01', 'yyyy-MM-dd HH:mm');
SELECT CAST(floor(epoch(CAST(strptime('1970-01-01 00:01', '%Y-%m-%d %H:%M') AS TIMESTAMPTZ))) AS BIGINT);

SELECT from_unixtime(60);
SELECT strftime(make_timestamp(CAST(60 * 1000000 AS BIGINT)), '%Y-%m-%d %H:%M:%S');

SELECT from_unixtime(60, 'yyyy/MM/dd');
SELECT strftime(make_timestamp(CAST(60 * 1000000 AS BIGINT)), '%Y/%m/%d');

SELECT timestamp_millis(1500);
SELECT make_timestamptz(CAST(1500 * 1000 AS BIGINT));

SELECT timestamp_seconds(1);
SELECT make_timestamptz(CAST(1 * 1000000 AS BIGINT));

SELECT unix_millis(TIMESTAMP '1970-01-01 00:00:01.5');
SELECT epoch_ms(spark_timestamp(spark_timestamp('1970-01-01 00:00:01.5')));

SELECT unix_seconds(TIMESTAMP '1970-01-01 00:00:01.5');
SELECT CAST(floor(epoch(spark_timestamp(spark_timestamp('1970-01-01 00:00:01.5')))) AS BIGINT);

SELECT to_timestamp('2026-01-02 03:04:05');
SELECT spark_timestamp('2026-01-02 03:04:05');

SELECT to_timestamp('02.01.2026', 'dd.MM.yyyy');
SELECT CAST(strptime('02.01.2026', '%d.%m.%Y') AS TIMESTAMPTZ);

SELECT to_date('2026-01-02');
SELECT spark_date('2026-01-02');

SELECT to_date('20260102', 'yyyyMMdd');
SELECT CAST(CAST(strptime('20260102', '%Y%m%d') AS TIMESTAMPTZ) AS DATE);

SELECT try_to_timestamp('nonsense');
SELECT spark_try_timestamp('nonsense');

SELECT date_format(TIMESTAMP '2026-01-02 03:04:05', "yyyy-MM-dd'T'HH:mm:ss.SSS");
SELECT strftime(spark_timestamp(spark_timestamp('2026-01-02 03:04:05')), '%Y-%m-%dT%H:%M:%S.%g');

SELECT date_format(DATE '2026-01-02', 'E d MMM yyyy');
SELECT strftime(spark_timestamp(spark_date('2026-01-02')), '%a %-d %b %Y');

SELECT year(DATE '2026-01-02');
SELECT CAST(year(spark_date(spark_date('2026-01-02'))) AS INT);

SELECT month('2026-03-02');
SELECT CAST(month(spark_date('2026-03-02')) AS INT);

SELECT dayofweek(DATE '2026-01-04');
SELECT CAST(dayofweek(spark_date(spark_date('2026-01-04'))) + 1 AS INT);

SELECT weekday(DATE '2026-01-04');
SELECT CAST(isodow(spark_date(spark_date('2026-01-04'))) - 1 AS INT);

SELECT weekofyear(DATE '2026-01-04');
SELECT CAST(week(spark_date(spark_date('2026-01-04'))) AS INT);

SELECT hour(TIMESTAMP '2026-01-02 03:04:05');
SELECT CAST(hour(spark_timestamp(spark_timestamp('2026-01-02 03:04:05'))) AS INT);

SELECT extract(MINUTE FROM TIMESTAMP '2026-01-02 03:04:05');
SELECT CAST(minute(spark_timestamp(spark_timestamp('2026-01-02 03:04:05'))) AS INT);

SELECT date_part('day', DATE '2026-01-02');
SELECT CAST(day(spark_date(spark_date('2026-01-02'))) AS INT);

SELECT TIMESTAMP '2026-01-02 00:00:00' - INTERVAL 1 DAY;
SELECT spark_shift_date(spark_timestamp('2026-01-02 00:00:00'), -(INTERVAL '1' DAY));

SELECT DATE '2026-01-31' + INTERVAL 1 MONTH;
SELECT spark_shift_date(spark_date('2026-01-31'), INTERVAL '1' MONTH);

SELECT DATE '2026-01-31' + INTERVAL 1 HOUR;
SELECT spark_shift_time(spark_date('2026-01-31'), INTERVAL '1' HOUR);

SELECT TIMESTAMP '2026-01-02 00:00:00' + INTERVAL '2' HOURS;
SELECT spark_shift_time(spark_timestamp('2026-01-02 00:00:00'), INTERVAL '2' HOURS);

SELECT make_date(2026, 2, 3);
SELECT make_date(CAST(2026 AS BIGINT), CAST(2 AS BIGINT), CAST(3 AS BIGINT));

SELECT unix_date(DATE '1970-01-03');
SELECT CAST(spark_date(spark_date('1970-01-03')) - CAST('1970-01-01' AS DATE) AS INT);

SELECT date_from_unix_date(2);
SELECT (CAST('1970-01-01' AS DATE) + CAST(2 AS INT));

SELECT DATE '2026-01-01' < DATE '2026-01-02';
SELECT spark_date('2026-01-01') < spark_date('2026-01-02');
