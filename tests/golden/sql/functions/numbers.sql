SELECT 1 / 2;
SELECT spark_divide(1, 2);

SELECT 5 div 2;
SELECT spark_bigint((5 // 2));

SELECT -7 div 2;
SELECT spark_bigint((-7 // 2));

SELECT -7 % 3;
SELECT -7 % 3;

SELECT pmod(-7, 3);
SELECT spark_pmod(-7, 3);

SELECT try_divide(1, 0);
SELECT spark_try_divide(1, 0);

SELECT try_divide(1, 4);
SELECT spark_try_divide(1, 4);

SELECT round(2.5);
SELECT round(2.5);

SELECT round(-2.5);
SELECT round(-2.5);

SELECT round(1234.567, 1);
SELECT round(1234.567, 1);

SELECT round(1234.567d, -2);
SELECT round(spark_double(1234.567), -2);

SELECT ceil(1.2);
SELECT spark_ceil(1.2);

SELECT floor(-1.2d);
SELECT spark_floor(-spark_double(1.2));

SELECT sqrt(-1);
SELECT spark_sqrt(-1);

SELECT ln(0);
SELECT spark_ln(0);

SELECT log(2, 8);
SELECT spark_log(2, 8);

SELECT log10(1000);
SELECT log10(1000);

SELECT power(2, 10);
SELECT power(2, 10);

SELECT sign(-3);
SELECT CAST(sign(-3) AS DOUBLE);

SELECT greatest(1, NULL, 3);
SELECT greatest(1, NULL, 3);

SELECT least(2, NULL, 3);
SELECT least(2, NULL, 3);

SELECT greatest(1d, double('NaN'));
SELECT greatest(spark_double(1), spark_double('NaN'));

SELECT isnan(double('NaN'));
SELECT spark_isnan(spark_double('NaN'));

SELECT isnan(CAST(NULL AS DOUBLE));
SELECT spark_isnan(CAST(NULL AS DOUBLE));

SELECT double('NaN') = double('NaN');
SELECT spark_double('NaN') = spark_double('NaN');

SELECT double('NaN') > 1e300;
SELECT spark_double('NaN') > 1e300;

SELECT nanvl(double('NaN'), 7d);
SELECT spark_nanvl(spark_double('NaN'), spark_double(7));

SELECT 1e7d;
SELECT spark_double(1e7);

SELECT 1.5e-5d;
SELECT spark_double(1.5e-5);

SELECT CAST(1 AS FLOAT) / 3;
SELECT spark_divide(CAST(spark_double(1) AS REAL), 3);

SELECT try_add(9223372036854775807, 1);
SELECT try(9223372036854775807 + 1);

SELECT nullifzero(0);
SELECT NULLIF(0, 0);

SELECT zeroifnull(CAST(NULL AS INT));
SELECT COALESCE(CAST(NULL AS INT), 0);

SELECT 0.1d + 0.2d;
SELECT spark_double(0.1) + spark_double(0.2);

SELECT CAST(12.345 AS DECIMAL(5, 1));
SELECT CAST(12.345 AS DECIMAL(5, 1));

SELECT 2 * 3 + 4;
SELECT 2 * 3 + 4;

SELECT -(-3);
SELECT -(-3);

SELECT 10 & 6;
SELECT 10 & 6;
