SELECT map('a', 1)['a'];
SELECT spark_item(map(['a'], [1]), 'a');

SELECT map('a', 1)['b'];
SELECT spark_item(map(['a'], [1]), 'b');

SELECT map(5, 'x')[5];
SELECT spark_item(map([5], ['x']), 5);

SELECT element_at(map('a', 1), 'a');
SELECT map(['a'], [1])['a'];

SELECT map_keys(map('a', 1, 'b', 2));
SELECT map_keys(map(['a', 'b'], [1, 2]));

SELECT map_values(map('a', 1, 'b', 2));
SELECT map_values(map(['a', 'b'], [1, 2]));

SELECT map_entries(map('a', 1));
SELECT map_entries(map(['a'], [1]));

SELECT map_from_arrays(array('a', 'b'), array(1, 2));
SELECT map(['a', 'b'], [1, 2]);

SELECT map_from_entries(array(struct('a', 1)));
SELECT map_from_entries([struct_pack("col1" := 'a', "col2" := 1)]);

SELECT map_contains_key(map('a', 1), 'a');
SELECT map_contains(map(['a'], [1]), 'a');

SELECT transform_values(map('a', 1, 'b', 2), (k, v) -> v * 10);
SELECT map(list_transform(map_entries(map(['a', 'b'], [1, 2])), LAMBDA "entry" : struct_extract_at("entry", 1)), list_transform(map_entries(map(['a', 'b'], [1, 2])), LAMBDA "entry" : struct_extract_at("entry", 2) * 10));

SELECT transform_keys(map('a', 1), (k, v) -> concat(k, v));
SELECT map(list_transform(map_entries(map(['a'], [1])), LAMBDA "entry" : (struct_extract_at("entry", 1) || (struct_extract_at("entry", 2)))), list_transform(map_entries(map(['a'], [1])), LAMBDA "entry" : struct_extract_at("entry", 2)));

SELECT map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1);
SELECT map_from_entries(list_filter(map_entries(map(['a', 'b'], [1, 2])), LAMBDA "entry" : struct_extract_at("entry", 2) > 1));

SELECT map_concat(map('a', 1), map('b', 2));
SELECT map_concat(map(['a'], [1]), map(['b'], [2]));

SELECT named_struct('a', 1, 'b', 'x');
SELECT struct_pack("a" := 1, "b" := 'x');

SELECT struct(1, 'x' AS name);
SELECT struct_pack("col1" := 1, "name" := 'x');

SELECT named_struct('a', named_struct('b', 2)).a.b;
SELECT struct_pack("a" := struct_pack("b" := 2))."a"."b";
