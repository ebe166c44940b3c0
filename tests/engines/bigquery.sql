-- proactive_help b3fecd479d70
-- proactive_help 8a35eae39037
-- proactive_help 71a02c701058
-- proactive_help cd06a82a3424
-- proactive_help 58028e6fd82d
-- proactive_help 431f3ec776a7
-- proactive_help 0f1854e23d6d
-- proactive_help d5d8c0919aa1
-- proactive_help 8c1c0ed2cd2b
-- proactive_help ef379e270bfa
-- proactive_help 24a807c1e6b0
-- proactive_help 78a45257e455
-- proactive_help 36d6ed158deb
-- proactive_help cac89f9b9923
-- proactive_help bf236e8c0e52
-- proactive_help a1c153ef6189
-- proactive_help b92b1e0bdc48
-- proactive_help d11f1861d449
-- proactive_help c660bf865850
-- proactive_help 448e4ce4b93f
-- proactive_help 0bfa30efec32
-- proactive_help 7f8883d8fd97
-- proactive_help 16e77446adb0
-- live_support 259e62b20852
-- live_support 267bae1abcea
-- live_support e92325dbbefc
-- live_support 058c87172438
-- live_support 679eae1a1085
-- live_support 6d253321ff1f
-- live_support 01caf2be52ce
-- live_support 3d8470a30bd5
-- live_support 1168fb69c6d7
-- live_support a8486da800b5
-- live_support 1e1cac26260c
-- live_support b0d2fa4ccb16
-- live_support 1c505630f927
-- live_support 56dacb97ea86
-- live_support f014997a128a
-- live_support 5b20eb417b37
-- live_support a8e99250f2b2
-- live_support 18a5ded252d1
-- live_support b8b8e9b57a14
-- live_support 448e4ce4b93f
-- live_support bf9059ba271f
-- live_support eb4c5e6a079a
-- live_support 8dca7c3db418
-- live_support 3369f68b4b87
-- live_support d109bb5a9882
-- live_support 36e03543eb6a
-- live_support 6590f64b9fef
-- live_support 1857fbf0cbfc
-- live_support ad8632e38562
-- live_support df2af7bd5733
-- customer_milestones d2d6ff9c094b
-- customer_milestones c89f6e77802b
-- customer_milestones c2d3e3e140b5
-- customer_milestones d56f7a2ae279
-- customer_milestones 3963639b28e2
-- customer_milestones 0ca5afe8d58f
-- customer_milestones e195b3674282
-- customer_milestones 9a4e33962fbb
-- customer_milestones aae7c3705602
-- customer_milestones f60d0ec11590
-- customer_milestones 6cd82e9646d4
-- customer_milestones 6995eb163f97
-- customer_milestones 760be38dcf21
-- customer_milestones 979b42731efc
-- customer_milestones 5555df49f8be
-- customer_milestones f7bee680fe79
-- customer_milestones a75fbdd7117c
-- customer_milestones 73e4c4715403
-- customer_milestones fe8b3996c2a0
-- customer_milestones 5dc6017d05f9
-- customer_milestones 9baf5d908d1e
-- customer_milestones 1aadf761d4c2
-- customer_milestones fae6dac48f5c
-- customer_milestones c32138259170
-- customer_milestones c9fa6782d69e
-- customer_milestones f551fbb2afd8
-- customer_milestones 7534616e7413
-- customer_milestones 03f04b0000a6
-- customer_milestones 3204bff31918
-- customer_milestones fc7e34fc51d3
-- customer_milestones 0daa50ba5c13
-- customer_milestones f5e6e6576674
-- customer_milestones 5008a6169bca
-- customer_milestones 35a2024717f5
-- customer_milestones 4c17e00ab1f3
-- customer_milestones 1df0fca45579
-- customer_milestones 0d2ad190589e
-- customer_milestones 9881b3485fb1
-- customer_milestones ebcc15ffd968
-- customer_milestones c23bc195ea31
-- customer_milestones 8eabcfce129b
-- customer_milestones e7f757ed516e
-- customer_milestones f20c63ef6d85
-- customer_milestones a9d4cf55a4fd
-- in_app_support 863ee2bb9f28
-- in_app_support 1a7792ea3f65
-- in_app_support f4ae0adbd124
-- in_app_support 596026b25a80
-- in_app_support 0541c245e568
-- in_app_support 91af359741e0
-- in_app_support 441a44e057b9
-- in_app_support f98e370debf9
-- in_app_support a131201659c0
-- in_app_support 06517f9065f2
-- in_app_support 7eaff57a3df4
-- in_app_support 867386d8dd31
-- in_app_support 774d19c32c25
-- in_app_support ddb9fc6d78a5
-- in_app_support f4fd12350ac3
-- in_app_support 904319a5f8d7
-- in_app_support 448e4ce4b93f
-- in_app_support 1efcf05b987f
-- in_app_support 74a7f5d37a65
-- in_app_support bf8a3a0af9b8
-- in_app_support 892f9bab2a4e
-- in_app_support c2d0809d4351
-- in_app_support 3e7499163259
-- in_app_support eca53e41e0e6
-- in_app_support 5464adeafeb8
-- support_metrics 256039122bbc
-- support_metrics 5247764361ff
-- support_metrics 4d78fb2ff0b0
-- support_metrics a5f9f2788914
-- support_metrics 8ac1b61bcd8a
-- support_metrics 1ef3aa144865
-- support_metrics 20de7a30abf4
-- support_metrics 6515c8f13b71
-- support_metrics 4e224c7c4d05
-- support_metrics b8ca81b12cf1
-- support_metrics 4e3f49922322
-- support_metrics 3b21e812f195
-- support_metrics ec5ee51b7433
-- support_metrics 5f9e3dc8b619
-- support_metrics 29952437469f
-- support_metrics 2b63a08663ed
-- experiment 80e1d0ee5b66
-- experiment 9b551565517a
-- experiment ed2b1deed98a
-- experiment 0ca5afe8d58f
-- experiment b1aca9b235a5
-- experiment f14e57ec30f2
-- experiment 1527a7025460
-- experiment 5b64f8ea9961
-- experiment 3c709f12897a
-- experiment ca708da33274
-- experiment 6af58653bfcb
-- experiment e985c068bfff
-- experiment 4dc26bb7b3ef
-- experiment dcb19d0a2f3e
-- experiment 448e4ce4b93f
-- experiment 156499a3da45
-- experiment 681dd901fd9b
-- experiment a61565ddbb70
-- experiment fdc6fb8c702d
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT `t1`.`event` FROM ( SELECT `t0`.`workspace_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`format` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2` ) AS `t3` ORDER BY `t3`.`event` ASC NULLS LAST LIMIT 10001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`workspace_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`country`, `t0`.`plan_tier`, CAST(`t0`.`seats` AS FLOAT64) AS `seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`workspace_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM ( SELECT * FROM `temp`.`main`.`table_0` AS `t0` ORDER BY `t0`.`unit` ASC NULLS LAST ) AS `t1`;
SELECT DISTINCT * FROM ( SELECT `t0`.`variant`, `t0`.`s_country`, `t0`.`s_plan_tier`, `t0`.`week` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT `t1`.`event` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`conversation_id`, `t0`.`agent_id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2` ) AS `t3` ORDER BY `t3`.`event` ASC NULLS LAST LIMIT 10001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`signup_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`company_size`, `t0`.`channel` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`signup_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT DISTINCT * FROM ( SELECT `t0`.`variant`, `t0`.`s_company_size`, `t0`.`s_channel`, `t0`.`week` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT `t1`.`event` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2` ) AS `t3` ORDER BY `t3`.`event` ASC NULLS LAST LIMIT 10001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`account_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT * FROM ( SELECT TIMESTAMP_TRUNC(`t3`.`at`, DAY) AS `day`, COUNT(*) AS `n` FROM ( SELECT * FROM ( SELECT * FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` ) AS `t1` WHERE `t1`.`event` IN ('cancelled') ) AS `t2` WHERE `t2`.`at` IS NOT NULL ) AS `t3` GROUP BY 1 ) AS `t4` ORDER BY `t4`.`day` ASC NULLS LAST;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT `t1`.`start`, `t1`.`first`, COUNT(*) AS `n` FROM ( SELECT `t0`.`start`, `t0`.`every` AS `first` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2 ) AS `t2` ORDER BY `t2`.`start` ASC NULLS LAST, `t2`.`first` ASC NULLS LAST;
SELECT * FROM ( SELECT `t1`.`start`, `t1`.`first`, COUNT(*) AS `n` FROM ( SELECT `t0`.`start`, `t0`.`active` AS `first` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1` GROUP BY 1, 2 ) AS `t2` ORDER BY `t2`.`start` ASC NULLS LAST, `t2`.`first` ASC NULLS LAST;
SELECT MAX(`t0`.`last`) AS `n0` FROM `temp`.`main`.`table_0` AS `t0`;
SELECT `t0`.`unit`, `t0`.`started_at`, `t0`.`lost_at`, `t0`.`seats` FROM `temp`.`main`.`table_0` AS `t0` LIMIT 5000001;
SELECT `t1`.`unit`, `t1`.`at`, `t1`.`value`, `t1`.`start` FROM ( SELECT * FROM `temp`.`main`.`table_0` AS `t0` WHERE `t0`.`event` = 'seats_changed' AND `t0`.`value` IS NOT NULL ) AS `t1` LIMIT 5000001;
SELECT MIN(`t1`.`started_at`) AS `n0`, SUM(CAST(`t1`.`started_at` <= DATETIME('2022-12-05T00:00:00') AS INT64)) AS `n1`, COUNT(`t1`.`started_at`) AS `n2` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT `t1`.`started_at`, COUNT(*) AS `n` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`n` DESC, `t2`.`started_at` ASC NULLS LAST LIMIT 2;
SELECT `t1`.`tier`, `t1`.`size`, `t1`.`seats`, CAST(`t1`.`lost_at` IS NOT NULL AS INT64) AS `left` FROM ( SELECT * FROM `temp`.`main`.`table_0` AS `t0` WHERE COALESCE( `t0`.`lost_at` >= TIMESTAMP_ADD(`t0`.`started_at`, INTERVAL '7776000' SECOND), TRUE ) ) AS `t1` LIMIT 5000001;
SELECT CAST(FLOOR(ieee_divide(CAST(UNIX_SECONDS(`t0`.`started_at`) AS FLOAT64), 86400)) AS INT64) AS `start`, CAST(FLOOR(ieee_divide(CAST(UNIX_SECONDS(`t0`.`lost_at`) AS FLOAT64), 86400)) AS INT64) AS `lost`, COUNT(*) AS `n` FROM `temp`.`main`.`table_0` AS `t0` GROUP BY 1, 2;
SELECT `t2`.`event`, COUNT(*) AS `rows`, SUM(CAST(`t2`.`value` IS NULL AS INT64)) AS `missing`, MIN(`t2`.`at`) AS `first`, MAX(`t2`.`at`) AS `latest` FROM ( SELECT * FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value` FROM `table_0` AS `t0` ) AS `t1` WHERE `t1`.`at` < DATETIME('2023-09-01T00:00:00') ) AS `t2` GROUP BY 1;
SELECT COUNT(*) AS `CountStar_table_0` FROM `temp`.`main`.`table_0` AS `t0`;
SELECT * FROM ( SELECT `t1`.`unit` AS `account_id`, `t1`.`started_at`, `t1`.`seats`, `t1`.`plan_tier`, `t1`.`country` FROM ( SELECT `t0`.`account_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan_tier`, `t0`.`country` FROM `table_0` AS `t0` ) AS `t1` LIMIT 50000 ) AS `t3` ORDER BY `t3`.`account_id` ASC NULLS LAST;
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT `t1`.`event` FROM ( SELECT `t0`.`user_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`request_id`, `t0`.`topic` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2` ) AS `t3` ORDER BY `t3`.`event` ASC NULLS LAST LIMIT 10001;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`user_id` AS `unit`, `t0`.`variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`place`, `t0`.`monthly_usd`, `t0`.`tenure_months` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`user_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT DISTINCT * FROM ( SELECT `t0`.`variant`, `t0`.`s_place`, `t0`.`week` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT `t1`.`event` FROM ( SELECT `t0`.`customer_id` AS `unit`, `t0`.`event`, CAST(`t0`.`at` AS DATETIME) AS `at`, `t0`.`value`, `t0`.`ticket`, `t0`.`topic`, `t0`.`agent` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2` ) AS `t3` ORDER BY `t3`.`event` ASC NULLS LAST LIMIT 10001;
SELECT LOGICAL_AND(`t2`.`rises`) AS `All_rises` FROM ( SELECT `t1`.`id`, COALESCE(`t1`.`id` > LAG(`t1`.`id`) OVER (ORDER BY NULL ASC), TRUE) AS `rises` FROM ( SELECT `t0`.`customer_id` AS `id` FROM `table_0` AS `t0` ) AS `t1` ) AS `t2`;
SELECT SUM(CAST(`t1`.`seats` > 0 AS INT64)) AS `n`, SUM(`t1`.`seats`) AS `sum`, MAX(`t1`.`seats`) AS `largest` FROM ( SELECT `t0`.`customer_id` AS `unit`, CAST(`t0`.`started_at` AS DATETIME) AS `started_at`, CAST(`t0`.`seats` AS FLOAT64) AS `seats`, `t0`.`plan`, `t0`.`amount` FROM `table_0` AS `t0` ) AS `t1`;
SELECT * FROM ( SELECT `t1`.`variant`, COUNT(*) AS `rows` FROM ( SELECT `t0`.`account_id` AS `unit`, `t0`.`arm` AS `variant`, CAST(`t0`.`assigned_at` AS DATETIME) AS `assigned_at`, `t0`.`country`, `t0`.`seats` FROM `table_0` AS `t0` ) AS `t1` GROUP BY 1 ) AS `t2` ORDER BY `t2`.`rows` DESC, `t2`.`variant` ASC NULLS LAST LIMIT 1001;
SELECT DISTINCT * FROM ( SELECT `t0`.`variant`, `t0`.`s_country`, `t0`.`week` FROM `temp`.`main`.`table_0` AS `t0` ) AS `t1`;
