SELECT array(1, 2, 3)[0];
SELECT spark_item([1, 2, 3], 0);

SELECT get(array(1, 2), 5);
SELECT spark_get([1, 2], 5);

SELECT get(array(1, 2), -1);
SELECT spark_get([1, 2], -1);

SELECT element_at(array(1, 2, 3), 1);
SELECT [1, 2, 3][1];

SELECT element_at(array(1, 2, 3), -1);
SELECT [1, 2, 3][-1];

SELECT size(array(1, 2));
SELECT CAST(cardinality([1, 2]) AS INT);

SELECT size(map('a', 1));
SELECT CAST(cardinality(map(['a'], [1])) AS INT);

SELECT size(CAST(NULL AS ARRAY<INT>));
SELECT CAST(cardinality(CAST(NULL AS INT[])) AS INT);

SELECT cardinality(array());
SELECT CAST(cardinality([]) AS INT);

SELECT array_contains(array(1, 2), 2);
SELECT spark_array_contains([1, 2], 2);

SELECT array_contains(array(1, NULL), 2);
SELECT spark_array_contains([1, NULL], 2);

SELECT array_position(array('a', 'b'), 'b');
SELECT spark_array_position(['a', 'b'], 'b');

SELECT array_position(array('a', 'b'), 'z');
SELECT spark_array_position(['a', 'b'], 'z');

SELECT array_distinct(array(3, 1, 3, NULL, NULL));
SELECT spark_array_distinct([3, 1, 3, NULL, NULL]);

SELECT array_sort(array(3, NULL, 1));
SELECT list_sort([3, NULL, 1], 'ASC', 'NULLS LAST');

SELECT sort_array(array(3, NULL, 1));
SELECT list_sort([3, NULL, 1], 'ASC', 'NULLS FIRST');

SELECT sort_array(array(3, NULL, 1), false);
SELECT list_sort([3, NULL, 1], 'DESC', 'NULLS LAST');

SELECT array_max(array(1, 3, 2));
SELECT list_max([1, 3, 2]);

SELECT array_min(array(double('NaN'), 3d));
SELECT list_min([spark_double('NaN'), spark_double(3)]);

SELECT transform(array(1, 2), x -> x + 1);
SELECT list_transform([1, 2], LAMBDA "x" : "x" + 1);

SELECT transform(array('a', 'b'), (x, i) -> concat(x, i));
SELECT list_transform(['a', 'b'], LAMBDA "x", "i" : ("x" || (("i" - 1))));

SELECT filter(array(1, 2, 3), x -> x > 1);
SELECT list_filter([1, 2, 3], LAMBDA "x" : "x" > 1);

SELECT filter(array(5, 6, 7), (x, i) -> i > 0);
SELECT list_filter([5, 6, 7], LAMBDA "x", "i" : ("i" - 1) > 0);

SELECT exists(array(1, 2), x -> x > 1);
SELECT spark_any(list_transform([1, 2], LAMBDA "x" : "x" > 1));

SELECT exists(array(1, NULL), x -> x > 1);
SELECT spark_any(list_transform([1, NULL], LAMBDA "x" : "x" > 1));

SELECT exists(array(1), x -> x > 1);
SELECT spark_any(list_transform([1], LAMBDA "x" : "x" > 1));

SELECT forall(array(1, 2), x -> x > 0);
SELECT spark_all(list_transform([1, 2], LAMBDA "x" : "x" > 0));

SELECT forall(array(), x -> x IS NOT NULL);
SELECT spark_all(list_transform([], LAMBDA "x" : NOT "x" IS NULL));

SELECT forall(array(0, NULL), x -> x > 0);
SELECT spark_all(list_transform([0, NULL], LAMBDA "x" : "x" > 0));

SELECT aggregate(array(1, 2, 3), 0, (s, x) -> s + x);
SELECT list_reduce([1, 2, 3], LAMBDA "s", "x" : "s" + "x", 0);

SELECT aggregate(array(1, 2, 3), 0, (s, x) -> s + x, s -> s * 10);
SELECT list_transform([list_reduce([1, 2, 3], LAMBDA "s", "x" : "s" + "x", 0)], LAMBDA "s" : "s" * 10)[1];

SELECT sequence(1, 3);
SELECT spark_sequence(1, 3);

SELECT sequence(3, 1);
SELECT spark_sequence(3, 1);

SELECT sequence(0, 6, 3);
SELECT generate_series(0, 6, 3);

SELECT sequence(DATE '2026-01-30', DATE '2026-02-01');
SELECT spark_sequence(spark_date('2026-01-30'), spark_date('2026-02-01'));

SELECT sequence(DATE '2026-01-01', DATE '2026-03-01', INTERVAL 1 MONTH);
SELECT spark_sequence_step(spark_date('2026-01-01'), spark_date('2026-03-01'), INTERVAL '1' MONTH);

SELECT slice(array(1, 2, 3, 4), 2, 2);
SELECT spark_slice([1, 2, 3, 4], 2, 2);

SELECT slice(array(1, 2, 3, 4), -2, 2);
SELECT spark_slice([1, 2, 3, 4], -2, 2);

SELECT slice(array(1, 2), 1, 0);
SELECT spark_slice([1, 2], 1, 0);

SELECT flatten(array(array(1), array(2, 3)));
SELECT flatten([[1], [2, 3]]);

SELECT arrays_zip(array(1, 2), array('a', 'b'));
SELECT CASE WHEN [1, 2] IS NULL OR ['a', 'b'] IS NULL THEN NULL ELSE list_transform(list_zip([1, 2], ['a', 'b']), LAMBDA "zipped" : struct_pack("0" := struct_extract_at("zipped", 1), "1" := struct_extract_at("zipped", 2))) END;

SELECT arrays_zip(array(1), array('a', 'b'));
SELECT CASE WHEN [1] IS NULL OR ['a', 'b'] IS NULL THEN NULL ELSE list_transform(list_zip([1], ['a', 'b']), LAMBDA "zipped" : struct_pack("0" := struct_extract_at("zipped", 1), "1" := struct_extract_at("zipped", 2))) END;

SELECT zip_with(array(1, 2), array(10, 20), (x, y) -> x + y);
SELECT list_transform(list_zip([1, 2], [10, 20]), LAMBDA "zipped" : struct_extract_at("zipped", 1) + struct_extract_at("zipped", 2));

SELECT array_compact(array(1, NULL));
SELECT list_filter([1, NULL], LAMBDA "element" : NOT ("element" IS NULL));

SELECT array_remove(array(1, 2, NULL), 2);
SELECT list_filter([1, 2, NULL], LAMBDA "element" : coalesce("element" <> 2, TRUE));

SELECT array_repeat('x', 3);
SELECT list_transform(range(CAST(3 AS BIGINT)), LAMBDA "place" : 'x');

SELECT array_append(array(1), 2);
SELECT list_append([1], 2);

SELECT array_prepend(array(1), 2);
SELECT CASE WHEN [1] IS NULL THEN NULL ELSE list_prepend(2, [1]) END;

SELECT concat(array(1), array(2));
SELECT ([1] || ([2]));

SELECT collect.v[1].a FROM (SELECT array(named_struct('a', 1), named_struct('a', 2)) AS v) AS collect;
SELECT spark_item("collect"."v", 1)."a" FROM (SELECT [struct_pack("a" := 1), struct_pack("a" := 2)] AS "v") AS "collect";
