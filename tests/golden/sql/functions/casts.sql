SELECT CAST(2.7 AS INT);
SELECT spark_int(2.7);

SELECT CAST(-2.7d AS BIGINT);
SELECT spark_bigint(-spark_double(2.7));

SELECT CAST(' 12 ' AS INT);
SELECT spark_int(' 12 ');

SELECT try_cast('1.5' AS INT);
SELECT spark_try_int('1.5');

SELECT try_cast('abc' AS DOUBLE);
SELECT spark_try_double('abc');

SELECT try_cast('NaN' AS DOUBLE);
SELECT spark_try_double('NaN');

SELECT try_cast('1_000' AS DOUBLE);
SELECT spark_try_double('1_000');

SELECT CAST('yes' AS BOOLEAN);
SELECT spark_boolean('yes');

SELECT CAST(0 AS BOOLEAN);
SELECT spark_boolean(0);

SELECT try_cast('maybe' AS BOOLEAN);
SELECT spark_try_boolean('maybe');

SELECT CAST(true AS INT);
SELECT spark_int(TRUE);

SELECT CAST(1.0d AS STRING);
SELECT spark_string(spark_double(1.0));

SELECT CAST(12345678.9d AS STRING);
SELECT spark_string(spark_double(12345678.9));

SELECT CAST(double('NaN') AS STRING);
SELECT spark_string(spark_double('NaN'));

SELECT CAST(true AS STRING);
SELECT spark_string(TRUE);

SELECT CAST(1.50 AS STRING);
SELECT spark_string(1.50);

SELECT CAST(TIMESTAMP '2026-01-02 03:04:05.120' AS STRING);
SELECT spark_string(spark_timestamp('2026-01-02 03:04:05.120'));

SELECT CAST('2026-01-02T03:04:05Z' AS TIMESTAMP);
SELECT spark_timestamp('2026-01-02T03:04:05Z');

SELECT CAST('2026-01-02 03:04:05.123456' AS TIMESTAMP);
SELECT spark_timestamp('2026-01-02 03:04:05.123456');

SELECT CAST('2026-01' AS DATE);
SELECT spark_date('2026-01');

SELECT CAST(TIMESTAMP '2026-01-02 23:00:00' AS DATE);
SELECT spark_date(spark_timestamp('2026-01-02 23:00:00'));

SELECT CAST(0 AS TIMESTAMP);
SELECT spark_timestamp(0);

SELECT CAST(TIMESTAMP '1970-01-01 00:00:10' AS BIGINT);
SELECT spark_bigint(spark_timestamp('1970-01-01 00:00:10'));

SELECT '5'::int + 1;
SELECT spark_int('5') + 1;

SELECT int('7');
SELECT spark_int('7');

SELECT string(1);
SELECT spark_string(1);

SELECT try_cast(3000000000 AS INT);
SELECT spark_try_int(3000000000);

SELECT typeof(1);
SELECT CASE WHEN typeof(1) = 'VARCHAR' THEN 'string' WHEN typeof(1) = 'INTEGER' THEN 'int' WHEN typeof(1) = 'BLOB' THEN 'binary' WHEN typeof(1) = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp' WHEN typeof(1) = 'TIMESTAMP' THEN 'timestamp_ntz' WHEN typeof(1) = 'FLOAT' THEN 'float' WHEN typeof(1) = 'HUGEINT' THEN 'bigint' WHEN typeof(1) = '"NULL"' THEN 'void' ELSE CASE WHEN REGEXP_MATCHES(typeof(1), '[\[(]') THEN error('[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support typeof of nested types. SQLSTATE: 0A000') ELSE lower(typeof(1)) END END;

SELECT typeof(1.5d);
SELECT CASE WHEN typeof(spark_double(1.5)) = 'VARCHAR' THEN 'string' WHEN typeof(spark_double(1.5)) = 'INTEGER' THEN 'int' WHEN typeof(spark_double(1.5)) = 'BLOB' THEN 'binary' WHEN typeof(spark_double(1.5)) = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp' WHEN typeof(spark_double(1.5)) = 'TIMESTAMP' THEN 'timestamp_ntz' WHEN typeof(spark_double(1.5)) = 'FLOAT' THEN 'float' WHEN typeof(spark_double(1.5)) = 'HUGEINT' THEN 'bigint' WHEN typeof(spark_double(1.5)) = '"NULL"' THEN 'void' ELSE CASE WHEN REGEXP_MATCHES(typeof(spark_double(1.5)), '[\[(]') THEN error('[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support typeof of nested types. SQLSTATE: 0A000') ELSE lower(typeof(spark_double(1.5))) END END;

SELECT typeof('a');
SELECT CASE WHEN typeof('a') = 'VARCHAR' THEN 'string' WHEN typeof('a') = 'INTEGER' THEN 'int' WHEN typeof('a') = 'BLOB' THEN 'binary' WHEN typeof('a') = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp' WHEN typeof('a') = 'TIMESTAMP' THEN 'timestamp_ntz' WHEN typeof('a') = 'FLOAT' THEN 'float' WHEN typeof('a') = 'HUGEINT' THEN 'bigint' WHEN typeof('a') = '"NULL"' THEN 'void' ELSE CASE WHEN REGEXP_MATCHES(typeof('a'), '[\[(]') THEN error('[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support typeof of nested types. SQLSTATE: 0A000') ELSE lower(typeof('a')) END END;

SELECT typeof(current_timestamp());
SELECT CASE WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'VARCHAR' THEN 'string' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'INTEGER' THEN 'int' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'BLOB' THEN 'binary' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'TIMESTAMP' THEN 'timestamp_ntz' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'FLOAT' THEN 'float' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = 'HUGEINT' THEN 'bigint' WHEN typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)) = '"NULL"' THEN 'void' ELSE CASE WHEN REGEXP_MATCHES(typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ)), '[\[(]') THEN error('[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support typeof of nested types. SQLSTATE: 0A000') ELSE lower(typeof(CAST('2026-11-23 10:00:00+00:00' AS TIMESTAMPTZ))) END END;

SELECT CAST('ab' AS BINARY);
SELECT spark_binary('ab');
