-- proactive_help d659d4ae7285
-- proactive_help 41d777b82669
-- proactive_help 85405c1c1922
-- proactive_help 6798424cbf01
-- proactive_help 0aadbb892c0f
-- proactive_help 431f3ec776a7
-- proactive_help 0f1854e23d6d
-- proactive_help f2c8f885bbce
-- proactive_help 8c1c0ed2cd2b
-- proactive_help fe4e44f5c32e
-- proactive_help 57f1709a9e3a
-- proactive_help 66d85d1c24b4
-- proactive_help 2e28b8c6c748
-- proactive_help d4cc6be96d6a
-- proactive_help d67bcbf8fa54
-- proactive_help d7966a693566
-- proactive_help 486c98e35f3b
-- proactive_help 40e96fdd5bc4
-- proactive_help d11f1861d449
-- proactive_help a1749030bc38
-- proactive_help 930a14bbb8a6
-- proactive_help 7f8883d8fd97
-- proactive_help 1c2a0d5ee2e2
-- live_support 0f74d644d39c
-- live_support eb235ef0e4db
-- live_support 85405c1c1922
-- live_support a4bae7b37d14
-- live_support 1ef279c18e02
-- live_support 6d253321ff1f
-- live_support 01caf2be52ce
-- live_support 336d8be6c322
-- live_support 1168fb69c6d7
-- live_support 0b7e60d96adf
-- live_support 30dbeb693478
-- live_support 15f53c3fc72b
-- live_support cd5bea2d5c87
-- live_support 96c84a6ccc44
-- live_support 7754fd05935f
-- live_support 1f39ff221bc5
-- live_support c4d2808e1154
-- live_support 8dda9b54de04
-- live_support f4899fcaa87b
-- live_support 29fb4a7728f6
-- live_support 18a5ded252d1
-- live_support a1749030bc38
-- live_support 5732e3d01535
-- live_support 8defe4d6b3c7
-- live_support 2e8c8a0fb35a
-- live_support 6a8138b8496e
-- live_support ad8632e38562
-- live_support c20e5e8e448f
-- customer_milestones d641f3336137
-- customer_milestones 8a43db281184
-- customer_milestones 85405c1c1922
-- customer_milestones 0aa260e03db4
-- customer_milestones 5d446375f420
-- customer_milestones 0ca5afe8d58f
-- customer_milestones e195b3674282
-- customer_milestones b2a11e878fa0
-- customer_milestones aae7c3705602
-- customer_milestones 7aeae9846029
-- customer_milestones 37eb96d61535
-- customer_milestones f997b6831bb6
-- customer_milestones 83ecc5d1d90f
-- customer_milestones ef7d653d1a09
-- customer_milestones de477c78face
-- customer_milestones 8e5d0441ff3a
-- customer_milestones 4a8549212a27
-- customer_milestones 8fdc5b88efb1
-- customer_milestones 2deb2aa26f23
-- customer_milestones e648f91ac5aa
-- customer_milestones f9391dd5d33d
-- customer_milestones ba7ba45dc3af
-- customer_milestones c9fa6782d69e
-- customer_milestones e7ff4691fc96
-- customer_milestones d763b75443f6
-- customer_milestones 03f04b0000a6
-- customer_milestones 56da9f206e36
-- customer_milestones 463698819a84
-- customer_milestones 38e340f87fec
-- customer_milestones 11187bf8e858
-- customer_milestones 9b8d574b0604
-- customer_milestones c4de0ad5e96e
-- customer_milestones 1df0fca45579
-- customer_milestones 9881b3485fb1
-- customer_milestones 12e9e3cd17b2
-- customer_milestones c23bc195ea31
-- customer_milestones a53d5a732d31
-- customer_milestones 1f0616013ef1
-- customer_milestones c4a87c8573a8
-- customer_milestones 94fc592e5626
-- in_app_support a796e7fd8dcc
-- in_app_support 60590ebe2386
-- in_app_support 85405c1c1922
-- in_app_support fdeb257a5469
-- in_app_support f7f555418cc8
-- in_app_support 91af359741e0
-- in_app_support 441a44e057b9
-- in_app_support 045707497241
-- in_app_support a131201659c0
-- in_app_support c4abf6652626
-- in_app_support 65ce3020ff1f
-- in_app_support 52a70f910e2b
-- in_app_support f522c91addba
-- in_app_support fb347a085cd0
-- in_app_support 991677fd5be1
-- in_app_support f36545adb9a4
-- in_app_support 35d204df45e0
-- in_app_support 9d791dd7d187
-- in_app_support 904319a5f8d7
-- in_app_support a1749030bc38
-- in_app_support 8b42ea6c9713
-- in_app_support 7283f7819074
-- in_app_support e891f2699e73
-- in_app_support afd700ada376
-- in_app_support 09fb69141f51
-- in_app_support eca53e41e0e6
-- in_app_support 5ee6dfbaffe4
-- support_metrics 06176a8f48a2
-- support_metrics 1e3e7ba30897
-- support_metrics 85405c1c1922
-- support_metrics eb6a01e5035c
-- support_metrics f7d2703ac63b
-- support_metrics 1ef3aa144865
-- support_metrics 20de7a30abf4
-- support_metrics 3217f90e0c6e
-- support_metrics 4e224c7c4d05
-- support_metrics 40937fd252f6
-- support_metrics 78fb8e16a5b9
-- support_metrics 8808fecce12c
-- support_metrics c5cdcf3bed37
-- support_metrics 5448aebe378b
-- experiment a0d90cdb8405
-- experiment 1c09d36a294e
-- experiment ed2b1deed98a
-- experiment 0ca5afe8d58f
-- experiment e25632ec2f97
-- experiment f14e57ec30f2
-- experiment e38f45197d0b
-- experiment 73d4467a842f
-- experiment 40b3919dcfb0
-- experiment 67786999b739
-- experiment 1718b7de38be
-- experiment cacb202f36f8
-- experiment 212ccc221b86
-- experiment 656af0ca4e3c
-- experiment dcb19d0a2f3e
-- experiment a1749030bc38
-- experiment a61565ddbb70
-- experiment a2ae9801eef0
SELECT * FROM ( SELECT DISTINCT `t0`.`event` FROM `table_0` AS `t0` ) AS `t1` ORDER BY `t1`.`event` ASC NULLS LAST LIMIT 10001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`workspace_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`country`, `t0`.`plan_tier`, CAST(`t0`.`seats` AS FLOAT64) AS `seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`workspace_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM `temp`.`main`.`table_0` AS `t0` ORDER BY `t0`.`unit` ASC NULLS LAST;
SELECT `t1`.`variant`, `t1`.`country`, `t1`.`plan_tier`, COUNT(*) AS `n` FROM ( SELECT `t0`.`variant`, `t0`.`s_country` AS `country`, `t0`.`s_plan_tier` AS `plan_tier` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2, 3;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`company_size`, `t0`.`channel` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`signup_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT COUNT(*) AS `CountStar` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`conversation_id`, `t0`.`agent_id` FROM `table_0` AS `t0` WHERE `t0`.`event` = 'question' AND `t0`.`conversation_id` IS NOT NULL ) AS `t1`;
SELECT `t1`.`variant`, `t1`.`company_size`, `t1`.`channel`, COUNT(*) AS `n` FROM ( SELECT `t0`.`variant`, `t0`.`s_company_size` AS `company_size`, `t0`.`s_channel` AS `channel` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2, 3;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`account_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM ( SELECT TIMESTAMP_TRUNC(`t1`.`at`, DAY) AS `day`, COUNT(*) AS `n` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` WHERE `t0`.`event` IN ('cancelled') AND CAST(`t0`.`at` AS DATETIME) IS NOT NULL ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`day` ASC NULLS LAST;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
SELECT `t0`.`unit`, `t0`.`started_at`, `t0`.`lost_at`, `t0`.`seats` FROM `temp`.`main`.`table_0` AS `t0` LIMIT 5000001;
SELECT `t0`.`unit`, `t0`.`at`, `t0`.`value`, `t0`.`start` FROM `temp`.`main`.`table_0` AS `t0` WHERE `t0`.`event` = 'seats_changed' AND `t0`.`value` IS NOT NULL LIMIT 5000001;
SELECT MIN(`t1`.`started_at`) AS `n0`, SUM(CAST(`t1`.`started_at` <= DATETIME('2022-12-05T00:00:00') AS INT64)) AS `n1`, COUNT(`t1`.`started_at`) AS `n2` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
SELECT `t0`.`tier`, `t0`.`size`, `t0`.`seats`, CAST(`t0`.`lost_at` IS NOT NULL AS INT64) AS `left` FROM `temp`.`main`.`table_0` AS `t0` WHERE COALESCE( `t0`.`lost_at` >= TIMESTAMP_ADD(`t0`.`started_at`, INTERVAL '7776000' SECOND), TRUE ) LIMIT 5000001;
SELECT CAST(FLOOR(ieee_divide(CAST(UNIX_SECONDS(`t0`.`started_at`) AS FLOAT64), 86400)) AS INT64) AS `start`, CAST(FLOOR(ieee_divide(CAST(UNIX_SECONDS(`t0`.`lost_at`) AS FLOAT64), 86400)) AS INT64) AS `lost`, COUNT(*) AS `n` FROM `temp`.`main`.`table_0` AS `t0` GROUP BY 1, 2;
SELECT `t1`.`event`, COUNT(*) AS `rows`, SUM(CAST(`t1`.`value` IS NULL AS INT64)) AS `missing`, MIN(`t1`.`at`) AS `first`, MAX(`t1`.`at`) AS `latest` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` WHERE CAST(`t0`.`at` AS DATETIME) < DATETIME('2023-09-01T00:00:00') ) AS `t1` GROUP BY 1;
SELECT COUNT(*) AS `CountStar_table_0` FROM `temp`.`main`.`table_0` AS `t0`;
SELECT * FROM ( SELECT `t0`.`account_id`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` LIMIT 50000 ) AS `t2` ORDER BY `t2`.`account_id` ASC NULLS LAST;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`user_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`place`, `t0`.`monthly_usd`, `t0`.`tenure_months` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`user_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`customer_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM ( SELECT TIMESTAMP_TRUNC(`t1`.`at`, DAY) AS `day`, COUNT(*) AS `n` FROM ( SELECT `t0`.`customer_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`ticket`, `t0`.`topic`, `t0`.`agent` FROM `table_0` AS `t0` WHERE `t0`.`event` IN ('left') AND CAST(`t0`.`at` AS DATETIME) IS NOT NULL ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`day` ASC NULLS LAST;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`customer_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan`, `t0`.`amount` FROM `table_0` AS `t0` ) AS `t1`;
SELECT `t0`.`ticket`, `t0`.`agent`, `t0`.`value`, CAST(`t0`.`at` AS DATETIME) AS `at` FROM `table_0` AS `t0` WHERE `t0`.`event` = 'reviewed' AND CAST(`t0`.`at` AS DATETIME) < DATETIME('2022-05-01T00:00:00') ORDER BY CAST(`t0`.`at` AS DATETIME) ASC NULLS LAST, `t0`.`ticket` ASC NULLS LAST, `t0`.`agent` ASC NULLS LAST LIMIT 5000001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`arm` AS `variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`country`, `t0`.`seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
