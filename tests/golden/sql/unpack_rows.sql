MERGE INTO `main`.`sales`.`inference_logs` AS t
USING (
  WITH payloads AS (
    SELECT
      p.databricks_request_id, p.client_request_id, p.request_time, p.status_code, p.served_entity_id,
      p.request, p.response, m.model_id
    FROM `main`.`sales`.`inference_logs_payload` AS p
    LEFT JOIN (
      SELECT
        served_entity_id,
        concat(
          split_part(max_by(entity_name, change_time), '.', -1), '_', max_by(entity_version, change_time)
        ) AS model_id
      FROM `system`.`serving`.`served_entities`
      GROUP BY served_entity_id
    ) AS m ON m.served_entity_id = p.served_entity_id
    LEFT ANTI JOIN `main`.`sales`.`inference_logs` AS known
      ON known.`row_id` = concat(p.databricks_request_id, '_0') AND known.`timestamp` >= :rows_since
      AND known.`timestamp` < :rows_until
    WHERE (p.`request_date` BETWEEN :since_0 AND :until_0 OR p.`request_date` BETWEEN :since_1 AND :until_1)
    QUALIFY row_number() OVER (PARTITION BY p.databricks_request_id ORDER BY p.request_time) = 1
),
  fields AS (
    SELECT
      *,
      from_json(
        CASE
          WHEN request LIKE '%"dataframe_split"%' THEN get_json_object(request, '$.dataframe_split.columns')
          WHEN request LIKE '%"columns"%' THEN get_json_object(request, '$.columns')
        END,
        'ARRAY<STRING>'
      ) AS split_columns,
      from_json(
        CASE
          WHEN request LIKE '%"dataframe_split"%' THEN get_json_object(request, '$.dataframe_split.data')
          WHEN request LIKE '%"columns"%' THEN get_json_object(request, '$.data')
        END,
        'ARRAY<ARRAY<STRING>>'
      ) AS split_data,
      coalesce(
        get_json_object(request, '$.dataframe_records'),
        get_json_object(request, '$.instances'),
        get_json_object(request, '$.inputs')
      ) AS body,
      get_json_object(response, '$.predictions') AS answered
    FROM payloads
  ),
  lists AS (
    SELECT
      *,
      CASE
        WHEN body LIKE '[{%' OR body = '[]' THEN from_json(body, 'ARRAY<MAP<STRING,STRING>>')
      END AS records,
      CASE WHEN body LIKE '[[%' THEN from_json(body, 'ARRAY<ARRAY<STRING>>') END AS unnamed,
      CASE WHEN body LIKE '{%' THEN from_json(body, 'MAP<STRING,ARRAY<STRING>>') END AS by_column,
      CASE
        WHEN answered LIKE '{%' THEN from_json(answered, 'MAP<STRING,ARRAY<STRING>>')
      END AS answers_by_field
    FROM fields
  ),
  sizes AS (
    SELECT
      *,
      transform(map_values(by_column), v -> size(v)) AS lengths,
      transform(map_values(answers_by_field), v -> size(v)) AS answer_lengths
    FROM lists
  ),
  unfolded AS (
    SELECT
      *,
      CASE
        WHEN split_columns IS NOT NULL
          AND size(array_distinct(split_columns)) = size(split_columns)
          AND forall(split_columns, c -> c IS NOT NULL)
          AND forall(split_data, r -> size(r) = size(split_columns))
          THEN transform(split_data, r -> map_from_arrays(split_columns, r))
        WHEN forall(records, r -> r IS NOT NULL) THEN records
        WHEN forall(unnamed, r -> size(r) = 2)
          THEN transform(unnamed, r -> map_from_arrays(array('Height', 'Teams'), r))
        WHEN array_min(lengths) >= 0 AND array_min(lengths) = array_max(lengths)
          THEN transform(
            slice(sequence(0, array_max(lengths)), 1, array_max(lengths)),
            i -> transform_values(by_column, (k, v) -> get(v, i))
          )
        WHEN body LIKE '{%' AND coalesce(array_max(lengths), -1) < 0
          THEN array(from_json(body, 'MAP<STRING,STRING>'))
      END AS records_in_order,
      CASE
        WHEN answered LIKE '[%' THEN from_json(answered, 'ARRAY<STRING>')
        WHEN array_min(answer_lengths) >= 0 AND array_min(answer_lengths) = array_max(answer_lengths)
          THEN transform(
            slice(sequence(0, array_max(answer_lengths)), 1, array_max(answer_lengths)),
            i -> to_json(transform_values(answers_by_field, (k, v) -> get(v, i)))
          )
        WHEN answered IS NOT NULL AND coalesce(array_max(answer_lengths), -1) < 0 THEN array(answered)
      END AS predictions
    FROM sizes
  ),
  classified AS (
    SELECT
      *,
      CASE
        WHEN status_code IS NULL OR status_code <> 200 THEN 'failed'
        WHEN request IS NULL OR response IS NULL THEN 'not_logged'
        WHEN records_in_order IS NULL THEN 'unreadable_request'
        WHEN predictions IS NULL THEN 'unreadable_response'
        WHEN size(records_in_order) <> size(predictions) THEN 'count_mismatch'
        WHEN model_id IS NULL THEN 'unknown_model'
      END AS reason
    FROM unfolded
  )
,
  exploded AS (
    SELECT
      databricks_request_id, client_request_id, request_time, model_id, position, record,
      get(predictions, position) AS answer
    FROM classified
    LATERAL VIEW posexplode(records_in_order) e AS position, record
    WHERE reason IS NULL
  )
  SELECT
    concat(databricks_request_id, '_', CAST(position AS STRING)) AS `row_id`,
    client_request_id AS `client_request_id`,
    request_time AS `timestamp`,
    model_id AS `model_id`,
    try_cast(record['Height'] AS DOUBLE) AS `Height`,
    coalesce(try_cast(record['Teams'] AS BIGINT), CASE WHEN try_cast(record['Teams'] AS DOUBLE) % 1 = 0 THEN try_cast(try_cast(record['Teams'] AS DOUBLE) AS BIGINT) END) AS `Teams`,
    coalesce(try_cast(record['Magic'] AS BOOLEAN), CASE try_cast(record['Magic'] AS DOUBLE) WHEN 1 THEN true WHEN 0 THEN false END) AS `Magic`,
    record['it\'s `odd`'] AS `it's ``odd```,
    coalesce(CASE WHEN year(try_cast(record['since'] AS TIMESTAMP)) BETWEEN 1 AND 9999 THEN try_cast(record['since'] AS TIMESTAMP) END, timestamp_millis(CASE WHEN try_cast(record['since'] AS BIGINT) BETWEEN -62135596800000 AND 253402300799999 THEN try_cast(record['since'] AS BIGINT) END)) AS `since`,
    CASE WHEN answer LIKE '{%' THEN get_json_object(answer, '$.prediction') WHEN answer LIKE '[%' AND size(from_json(answer, 'ARRAY<STRING>')) = 1 THEN get(from_json(answer, 'ARRAY<STRING>'), 0) ELSE answer END AS `prediction`,
    try_cast(CASE WHEN answer LIKE '{%' THEN get_json_object(answer, '$[\'the score\']') END AS DOUBLE) AS `score`,
    CASE WHEN get_json_object(answer, '$.probabilities') LIKE '{%' THEN CASE WHEN map_keys(from_json(get_json_object(answer, '$.probabilities'), 'MAP<STRING,DOUBLE>')) = array('0', '1') THEN map_from_arrays(array('no', 'yes'), map_values(from_json(get_json_object(answer, '$.probabilities'), 'MAP<STRING,DOUBLE>'))) ELSE from_json(get_json_object(answer, '$.probabilities'), 'MAP<STRING,DOUBLE>') END WHEN get_json_object(answer, '$.probabilities') LIKE '[%' AND size(from_json(get_json_object(answer, '$.probabilities'), 'ARRAY<DOUBLE>')) > 1 THEN map_from_arrays(CASE WHEN size(from_json(get_json_object(answer, '$.probabilities'), 'ARRAY<DOUBLE>')) = 2 THEN array('no', 'yes') ELSE transform(sequence(0, size(from_json(get_json_object(answer, '$.probabilities'), 'ARRAY<DOUBLE>')) - 1), i -> CAST(i AS STRING)) END, from_json(get_json_object(answer, '$.probabilities'), 'ARRAY<DOUBLE>')) END AS `prediction_proba`,
    CAST(NULL AS STRING) AS `label`
  FROM exploded
) AS s
ON t.`row_id` = s.`row_id` AND t.`timestamp` >= :rows_since AND t.`timestamp` < :rows_until
WHEN NOT MATCHED THEN INSERT (`row_id`, `client_request_id`, `timestamp`, `model_id`, `Height`, `Teams`, `Magic`, `it's ``odd```, `since`, `prediction`, `score`, `prediction_proba`, `label`)
VALUES (s.`row_id`, s.`client_request_id`, s.`timestamp`, s.`model_id`, s.`Height`, s.`Teams`, s.`Magic`, s.`it's ``odd```, s.`since`, s.`prediction`, s.`score`, s.`prediction_proba`, s.`label`)
