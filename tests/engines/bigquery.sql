-- proactive_help d659d4ae7285
-- proactive_help 361feca0c892
-- proactive_help 85405c1c1922
-- proactive_help 6798424cbf01
-- proactive_help cb819027d656
-- proactive_help 7a90092a3280
-- proactive_help 0f1854e23d6d
<<<<<<< HEAD
-- proactive_help 846fee3fc806
-- proactive_help 435bf51de709
-- proactive_help 56055099ffeb
-- proactive_help e0e4e0b107ae
-- proactive_help 70b4762e6b13
-- proactive_help c61d7b8885d3
-- proactive_help ef9d347801bb
=======
-- proactive_help 07895efc1043
-- proactive_help 8c1c0ed2cd2b
-- proactive_help 14f5a0d9e759
-- proactive_help 57f1709a9e3a
-- proactive_help 66d85d1c24b4
-- proactive_help 990766429499
-- proactive_help 1a688fce740e
>>>>>>> speed
-- proactive_help d4cc6be96d6a
-- proactive_help d67bcbf8fa54
-- proactive_help d7966a693566
-- proactive_help 486c98e35f3b
-- proactive_help 40e96fdd5bc4
-- proactive_help c359aef8e317
-- proactive_help a1749030bc38
-- proactive_help 930a14bbb8a6
-- proactive_help 51da4346f113
-- proactive_help de3eafd8778c
-- live_support 0f74d644d39c
-- live_support 7f3af9dd1159
-- live_support 85405c1c1922
-- live_support a4bae7b37d14
-- live_support c2d4e88cf056
-- live_support 5fe4408627ef
-- live_support 01caf2be52ce
<<<<<<< HEAD
-- live_support df95df679e9f
-- live_support 0ce6bac5b367
-- live_support e00be695a09c
-- live_support dd27c00ca1e3
-- live_support 55c309b32134
-- live_support 6d5ce481daac
-- live_support 4519bd7c7eca
=======
-- live_support 171c3f41f1e8
-- live_support 1168fb69c6d7
-- live_support 0b7e60d96adf
-- live_support 30dbeb693478
-- live_support ad27c0810175
-- live_support e68ccf15f7e4
-- live_support 054c36aa2ec9
>>>>>>> speed
-- live_support 96c84a6ccc44
-- live_support 7754fd05935f
-- live_support 1f39ff221bc5
-- live_support c4d2808e1154
-- live_support 8dda9b54de04
-- live_support f4899fcaa87b
-- live_support 29fb4a7728f6
-- live_support 188ee220f193
-- live_support a1749030bc38
<<<<<<< HEAD
-- live_support 2bdb2252d468
-- live_support 4d1fac6e03b6
-- live_support 1b46fbce805a
=======
-- live_support 5732e3d01535
-- live_support 8defe4d6b3c7
-- live_support 2e8c8a0fb35a
>>>>>>> speed
-- live_support 6a8138b8496e
-- live_support 8304a0e08ca1
-- live_support 09ec2a1094d4
-- customer_milestones d641f3336137
-- customer_milestones 62d79200d180
-- customer_milestones 85405c1c1922
-- customer_milestones 0aa260e03db4
-- customer_milestones 03a314086d63
-- customer_milestones 0ca5afe8d58f
<<<<<<< HEAD
-- customer_milestones 29f126d5bd28
-- customer_milestones e3c693eb1620
-- customer_milestones 1633370b1bd7
-- customer_milestones e5f05d5689b1
-- customer_milestones 69396a9dad99
-- customer_milestones 4cd192debd05
-- customer_milestones c7985cac4654
-- customer_milestones 1bbd833311ec
-- customer_milestones 89a428ca0abc
-- customer_milestones 6519ce0bb0a9
-- customer_milestones 140ae4e90f06
-- customer_milestones a1b8bc5a9ccd
=======
-- customer_milestones e195b3674282
-- customer_milestones b2a11e878fa0
-- customer_milestones aae7c3705602
-- customer_milestones b6a66b155b1d
-- customer_milestones 37eb96d61535
-- customer_milestones f997b6831bb6
-- customer_milestones 83ecc5d1d90f
-- customer_milestones ef7d653d1a09
-- customer_milestones de477c78face
-- customer_milestones 8e5d0441ff3a
-- customer_milestones 4a8549212a27
-- customer_milestones 8fdc5b88efb1
>>>>>>> speed
-- customer_milestones 2deb2aa26f23
-- customer_milestones e648f91ac5aa
-- customer_milestones f9391dd5d33d
-- customer_milestones ba7ba45dc3af
-- customer_milestones c9fa6782d69e
-- customer_milestones e7ff4691fc96
-- customer_milestones d763b75443f6
<<<<<<< HEAD
-- customer_milestones 6a9e73cfab8c
-- customer_milestones 1d98fd71cf5e
-- customer_milestones 549dc4dcc06f
-- customer_milestones fdf986f63b13
-- customer_milestones b66676d54e26
=======
-- customer_milestones 03f04b0000a6
-- customer_milestones 56da9f206e36
-- customer_milestones 463698819a84
-- customer_milestones 9881b3485fb1
-- customer_milestones 12e9e3cd17b2
>>>>>>> speed
-- customer_milestones c23bc195ea31
-- customer_milestones a53d5a732d31
-- customer_milestones 1f0616013ef1
-- customer_milestones c4a87c8573a8
-- customer_milestones 4e6f2ef1da5f
-- in_app_support a796e7fd8dcc
-- in_app_support f5350f96a544
-- in_app_support 85405c1c1922
-- in_app_support fdeb257a5469
-- in_app_support bb7fe5188ff7
-- in_app_support 14b776206233
-- in_app_support 441a44e057b9
<<<<<<< HEAD
-- in_app_support 5e7c62945b03
-- in_app_support 5ce41e264483
-- in_app_support af02588a0db0
-- in_app_support 091e50b4bc11
-- in_app_support 109e49ed604f
=======
-- in_app_support 4d4508bec331
-- in_app_support a131201659c0
-- in_app_support c4abf6652626
-- in_app_support 65ce3020ff1f
-- in_app_support f42fda57e600
>>>>>>> speed
-- in_app_support f522c91addba
-- in_app_support fb347a085cd0
-- in_app_support 991677fd5be1
-- in_app_support f36545adb9a4
-- in_app_support 35d204df45e0
-- in_app_support 9d791dd7d187
-- in_app_support 904319a5f8d7
-- in_app_support a1749030bc38
-- in_app_support 0387f6ddb132
-- in_app_support 0ac21c732a99
-- in_app_support 131e60bd825f
-- in_app_support 50ee04a340c4
-- in_app_support 9e1e1dbf0b0b
-- in_app_support af7ee13e3f2b
-- support_metrics 06176a8f48a2
-- support_metrics 64d5eb9b469f
-- support_metrics 85405c1c1922
-- support_metrics eb6a01e5035c
-- support_metrics e6c8afeb33b2
-- support_metrics 1ef3aa144865
<<<<<<< HEAD
-- support_metrics 6d8f91151df6
-- support_metrics 64a7752bfd5d
-- support_metrics 478014aac337
-- support_metrics 55471cc95898
-- support_metrics e66f4e9b77a6
-- support_metrics 32e90e26a2e6
-- support_metrics e34751c1e169
-- support_metrics 8b69e45738e2
=======
-- support_metrics 20de7a30abf4
-- support_metrics 3217f90e0c6e
-- support_metrics 4e224c7c4d05
-- support_metrics 6e3a2340ffaf
-- support_metrics 78fb8e16a5b9
-- support_metrics 8808fecce12c
-- support_metrics c5cdcf3bed37
-- support_metrics 5448aebe378b
>>>>>>> speed
-- experiment a0d90cdb8405
-- experiment 165c4ea8da6f
-- experiment 3ac8df0a630c
-- experiment 0ca5afe8d58f
<<<<<<< HEAD
-- experiment 4db7c0782ef0
-- experiment f847419781a5
-- experiment 6a890153bb11
-- experiment 029dbedf55f6
-- experiment fb70e0c720d7
-- experiment 90100b44c1b0
-- experiment ec1cc77effe1
=======
-- experiment 8a50125db327
-- experiment f14e57ec30f2
-- experiment e38f45197d0b
-- experiment 73d4467a842f
-- experiment d9e6e1b6af19
-- experiment 72e9aec02d3f
-- experiment 7fadb6586f43
>>>>>>> speed
-- experiment 1718b7de38be
-- experiment cacb202f36f8
-- experiment 212ccc221b86
-- experiment 656af0ca4e3c
-- experiment 27123aaa63ee
-- experiment a1749030bc38
-- experiment 298d20119f27
<<<<<<< HEAD
-- experiment 8d21910977c8
=======
-- experiment a2ae9801eef0
>>>>>>> speed
SELECT * FROM ( SELECT DISTINCT `t0`.`event` FROM `table_0` AS `t0` ) AS `t1` ORDER BY `t1`.`event` ASC NULLS LAST LIMIT 10001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`workspace_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM `temp`.`main`.`table_0` AS `t0` ORDER BY `t0`.`unit` ASC NULLS LAST;
SELECT `t1`.`variant`, `t1`.`country`, `t1`.`plan_tier`, COUNT(*) AS `n` FROM ( SELECT `t0`.`variant`, `t0`.`s_country` AS `country`, `t0`.`s_plan_tier` AS `plan_tier` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2, 3;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`variant`, COALESCE(CAST(`t0`.`assigned_at` AS DATETIME), CAST(`t0`.`assigned_at` AS DATETIME)) AS `assigned_at`, `t0`.`company_size`, `t0`.`channel` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`signup_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT COUNT(*) AS `CountStar` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`event`, COALESCE(CAST(`t0`.`at` AS DATETIME), CAST(`t0`.`at` AS DATETIME)) AS `at`, `t0`.`value`, `t0`.`conversation_id`, `t0`.`agent_id` FROM `table_0` AS `t0` WHERE `t0`.`event` = 'question' AND `t0`.`conversation_id` IS NOT NULL ) AS `t1`;
SELECT `t1`.`variant`, `t1`.`company_size`, `t1`.`channel`, COUNT(*) AS `n` FROM ( SELECT `t0`.`variant`, `t0`.`s_company_size` AS `company_size`, `t0`.`s_channel` AS `channel` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2, 3;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`account_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
<<<<<<< HEAD
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`account_id` AS `unit`, COALESCE(CAST(`t0`.`started_at` AS DATETIME), CAST(`t0`.`started_at` AS DATETIME)) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
=======
SELECT * FROM ( SELECT TIMESTAMP_TRUNC(`t1`.`at`, DAY) AS `day`, COUNT(*) AS `n` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` WHERE `t0`.`event` IN ('cancelled') AND CAST(`t0`.`at` AS DATETIME) IS NOT NULL ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`day` ASC NULLS LAST;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
>>>>>>> speed
SELECT `t0`.`unit`, `t0`.`started_at`, `t0`.`lost_at`, `t0`.`seats` FROM `temp`.`main`.`table_0` AS `t0` LIMIT 5000001;
SELECT `t0`.`unit`, `t0`.`at`, `t0`.`value`, `t0`.`start` FROM `temp`.`main`.`table_0` AS `t0` WHERE `t0`.`event` = 'seats_changed' AND `t0`.`value` IS NOT NULL LIMIT 5000001;
SELECT COUNT(*) AS `CountStar_table_0` FROM `temp`.`main`.`table_0` AS `t0`;
SELECT * FROM ( SELECT `t0`.`account_id`, COALESCE(CAST(`t0`.`started_at` AS DATETIME), CAST(`t0`.`started_at` AS DATETIME)) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` LIMIT 50000 ) AS `t2` ORDER BY `t2`.`account_id` ASC NULLS LAST;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`user_id` AS `unit`, `t0`.`variant`, COALESCE(CAST(`t0`.`assigned_at` AS DATETIME), CAST(`t0`.`assigned_at` AS DATETIME)) AS `assigned_at`, `t0`.`place`, `t0`.`monthly_usd`, `t0`.`tenure_months` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`user_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`customer_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
<<<<<<< HEAD
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`customer_id` AS `unit`, COALESCE(CAST(`t0`.`started_at` AS DATETIME), CAST(`t0`.`started_at` AS DATETIME)) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan`, `t0`.`amount` FROM `table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`arm` AS `variant`, COALESCE(CAST(`t0`.`assigned_at` AS DATETIME), CAST(`t0`.`assigned_at` AS DATETIME)) AS `assigned_at`, `t0`.`country`, `t0`.`seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
=======
SELECT * FROM ( SELECT TIMESTAMP_TRUNC(`t1`.`at`, DAY) AS `day`, COUNT(*) AS `n` FROM ( SELECT `t0`.`customer_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`ticket`, `t0`.`topic`, `t0`.`agent` FROM `table_0` AS `t0` WHERE `t0`.`event` IN ('left') AND CAST(`t0`.`at` AS DATETIME) IS NOT NULL ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`day` ASC NULLS LAST;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`customer_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan`, `t0`.`amount` FROM `table_0` AS `t0` ) AS `t1`;
SELECT `t0`.`ticket`, `t0`.`agent`, `t0`.`value`, CAST(`t0`.`at` AS DATETIME) AS `at` FROM `table_0` AS `t0` WHERE `t0`.`event` = 'reviewed' AND CAST(`t0`.`at` AS DATETIME) < DATETIME('2022-05-01T00:00:00') ORDER BY CAST(`t0`.`at` AS DATETIME) ASC NULLS LAST, `t0`.`ticket` ASC NULLS LAST, `t0`.`agent` ASC NULLS LAST LIMIT 5000001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`arm` AS `variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`country`, `t0`.`seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
>>>>>>> speed
