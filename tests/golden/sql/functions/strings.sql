SELECT concat('a', NULL);
SELECT ('a' || (NULL));

SELECT concat('a', 1);
SELECT ('a' || (1));

SELECT 'a' || 'b';
SELECT 'a' || 'b';

SELECT concat_ws('-', 'a', NULL, 'b');
SELECT concat_ws('-', spark_string('a'), spark_string(NULL), spark_string('b'));

SELECT concat_ws('-', array('a', NULL, 'b'));
SELECT spark_concat_ws('-', ['a', NULL, 'b']);

SELECT substring('abcdef', 0, 2);
SELECT spark_substring('abcdef', 0, 2);

SELECT substring('abcdef', -3, 2);
SELECT spark_substring('abcdef', -3, 2);

SELECT substr('abcdef', 2);
SELECT spark_substring('abcdef', 2);

SELECT substring('abcdef' FROM 2 FOR 3);
SELECT spark_substring('abcdef', 2, 3);

SELECT split('a1b2c', '[0-9]');
SELECT string_split_regex('a1b2c', '[0-9]');

SELECT split_part('a.b.c', '.', -1);
SELECT split_part('a.b.c', '.', -1);

SELECT regexp_extract('foo-12', '([a-z]+)-([0-9]+)', 2);
SELECT regexp_extract('foo-12', '([a-z]+)-([0-9]+)', 2);

SELECT regexp_extract('foo-12', '([a-z]+)-([0-9]+)');
SELECT regexp_extract('foo-12', '([a-z]+)-([0-9]+)', 1);

SELECT regexp_extract('x', '(y)', 1);
SELECT regexp_extract('x', '(y)', 1);

SELECT regexp_replace('a1b22', '([0-9]+)', '<$1>');
SELECT regexp_replace('a1b22', '([0-9]+)', '<\1>', 'g');

SELECT 'abc' RLIKE '^a';
SELECT regexp_matches('abc', '^a');

SELECT 'a_c' LIKE 'a\\_c';
SELECT 'a_c' LIKE 'a\_c' ESCAPE '\';

SELECT 'abc' LIKE 'a\\_c';
SELECT 'abc' LIKE 'a\_c' ESCAPE '\';

SELECT 'abc' ILIKE 'A%';
SELECT 'abc' ILIKE 'A%';

SELECT lpad('7', 3, '0');
SELECT lpad('7', 3, '0');

SELECT lpad('7', 3);
SELECT lpad('7', 3, ' ');

SELECT instr('abc', 'c');
SELECT CAST(instr('abc', 'c') AS INT);

SELECT locate('c', 'abc');
SELECT CAST(instr('abc', 'c') AS INT);

SELECT position('c' IN 'abc');
SELECT CAST(instr('abc', 'c') AS INT);

SELECT trim('  a ');
SELECT trim('  a ');

SELECT ltrim('  a ');
SELECT ltrim('  a ');

SELECT trim(BOTH 'x' FROM 'xax');
SELECT trim('xax', 'x');

SELECT initcap('hello wORLD');
SELECT array_to_string(list_transform(string_split('hello wORLD', ' '), LAMBDA "word" : upper(left("word", 1)) || lower(substring("word", 2))), ' ');

SELECT length('abc');
SELECT CAST(length('abc') AS INT);

SELECT md5('a');
SELECT md5('a');

SELECT sha2('a', 256);
SELECT sha256('a');

SELECT array_join(array('a', NULL, 'b'), ',');
SELECT array_to_string(['a', NULL, 'b'], ',');

SELECT array_join(array('a', NULL, 'b'), ',', '?');
SELECT array_to_string(list_transform(['a', NULL, 'b'], LAMBDA "element" : COALESCE(spark_string("element"), '?')), ',');

SELECT repeat('ab', 2);
SELECT repeat('ab', 2);

SELECT replace('abc', 'b', 'x');
SELECT replace('abc', 'b', 'x');

SELECT startswith('abc', 'a');
SELECT starts_with('abc', 'a');

SELECT contains('abc', 'd');
SELECT contains('abc', 'd');

SELECT reverse('abc');
SELECT reverse('abc');

SELECT translate('abc', 'ab', 'x');
SELECT translate('abc', 'ab', 'x');

SELECT left('abc', 2);
SELECT left('abc', 2);

SELECT right('abc', 2);
SELECT right('abc', 2);

SELECT upper('a');
SELECT upper('a');

SELECT 'it\'s';
SELECT 'it''s';
