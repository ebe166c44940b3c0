-- proactive_help 08be7bdc8c73
-- proactive_help 963f3932d0c4
-- proactive_help 3c1c6379929b
-- proactive_help 57c1cdcbc4a8
-- proactive_help 1035041f6766
-- proactive_help af5f38d51067
-- proactive_help 3c0966d9320f
-- proactive_help edfad89358e2
-- proactive_help 2a98256105af
-- proactive_help edb4a3b31872
-- proactive_help 8ddd37bc932a
-- proactive_help 7867e92a83b8
-- proactive_help d09ab6dcd1e3
-- proactive_help 264f7fc54ef1
-- proactive_help f7f3be7f0363
-- proactive_help fa2061f1c4e1
-- proactive_help 6f80711fb27d
-- proactive_help c297563136dc
-- proactive_help 2c72ed69b9ec
-- proactive_help 148a7d246fd8
-- proactive_help 280dc0767449
-- proactive_help 03af93d44971
-- proactive_help 376fdc6a4085
-- proactive_help 6ed8134c40b3
-- live_support 34f72516c51b
-- live_support 1740ceb83443
-- live_support 3c1c6379929b
-- live_support 53f5e8eedde4
-- live_support 0955bc4f4573
-- live_support 639818ac4eeb
-- live_support 6c06395bab7c
-- live_support 5aec8376714b
-- live_support 6b0db48f5e04
-- live_support 2573f9fba1d7
-- live_support fc4099447df3
-- live_support 2b3ae2e2ea1e
-- live_support fcf792b9ed91
-- live_support 11e93efb2111
-- live_support 4a8533d5d0f3
-- live_support 9f24146b36fa
-- live_support 381d1b8b6b02
-- live_support ac59d0eb20fc
-- live_support 474e197afeb0
-- live_support e2659c954025
-- live_support 2b63aa5e8fa2
-- live_support e46aa5b9fc35
-- live_support 280dc0767449
-- live_support db663739043c
-- live_support a91d4fa820cd
-- live_support 473e7b1dedf5
-- live_support 2f2c9e2beaf3
-- live_support a6e7be926933
-- live_support ade15940fd91
-- customer_milestones 17f5b5cc6c19
-- customer_milestones 4e140ce33360
-- customer_milestones 3c1c6379929b
-- customer_milestones 33e6a02ce776
-- customer_milestones 312a8b4740e8
-- customer_milestones 809f50f088c9
-- customer_milestones c2bccf04b700
-- customer_milestones ca78cf4b24d8
-- customer_milestones 76ad4a108154
-- customer_milestones 853d1b6b75a5
-- customer_milestones f7a50f4bd84f
-- customer_milestones 5832e29c3ba0
-- customer_milestones 625dc96705c5
-- customer_milestones d5deb9950df4
-- customer_milestones 34de1daa8144
-- customer_milestones 881d804f4167
-- customer_milestones 2401be379c5e
-- customer_milestones d9b3c36acf07
-- customer_milestones fa18e1b48246
-- customer_milestones 87068d545af9
-- customer_milestones 8f88124b7f53
-- customer_milestones d5121f745e9d
-- customer_milestones 5ae243912a99
-- customer_milestones 9f92c74ee860
-- customer_milestones f346819ce253
-- customer_milestones 03d956ef8b73
-- customer_milestones 64f3c94174e5
-- customer_milestones 710cc099399a
-- customer_milestones e047a546be41
-- customer_milestones 2b5fcde24f81
-- customer_milestones e475bb560fc3
-- customer_milestones 8fd0dc345371
-- customer_milestones cca765b9446a
-- customer_milestones a5d89f33dd62
-- customer_milestones a394bf3d4614
-- in_app_support 48f68cd73e79
-- in_app_support e11e233e668b
-- in_app_support 3c1c6379929b
-- in_app_support e68c7760503d
-- in_app_support 5feeb1fe96fb
-- in_app_support 045fb9e122af
-- in_app_support ab2907a2d81f
-- in_app_support 93ffecbe5734
-- in_app_support fec82541f129
-- in_app_support 86022b282461
-- in_app_support 1ea4a26639e9
-- in_app_support 5be939284b77
-- in_app_support 61c0fe61ad82
-- in_app_support 89bb44aa4b9e
-- in_app_support 6c69537e707f
-- in_app_support 6fdfa5f1f8a0
-- in_app_support 9ff082c8473c
-- in_app_support b9baaefbba36
-- in_app_support b6a530a3144f
-- in_app_support 280dc0767449
-- in_app_support 8dd6c4230291
-- in_app_support 7915b52e4374
-- in_app_support 1871145ac072
-- in_app_support 888637af9aeb
-- in_app_support 1d3c9778a05c
-- in_app_support 5f03abeb9772
-- support_metrics 42b37a5c185b
-- support_metrics 02823e533814
-- support_metrics 3c1c6379929b
-- support_metrics 8488d5746567
-- support_metrics 5bc330290009
-- support_metrics be981edeac17
-- support_metrics 1275168ddde6
-- support_metrics 84557c35f572
-- support_metrics 25c6b17428d7
-- support_metrics 808a65a42500
-- support_metrics 37ff58783c50
-- support_metrics 0b7029ba9bc3
-- support_metrics 2a028e305524
-- support_metrics d1f8fab7d96a
-- experiment fbc23701e95c
-- experiment 7b1528e77daa
-- experiment 22b115e6edbb
-- experiment 809f50f088c9
-- experiment 3ea012072619
-- experiment e22992874fbd
-- experiment c87663e10578
-- experiment 5d53f6920a40
-- experiment 3c968a772708
-- experiment 638ae7e414e2
-- experiment 8ab7539c62bd
-- experiment b3cc8e0eb555
-- experiment e064dfaac049
-- experiment cf416042fa28
-- experiment eb2710583a5f
-- experiment 54611da7ff83
-- experiment 280dc0767449
-- experiment 4fac4a9133a2
-- experiment 2a0d22fd487a
SELECT * FROM ( SELECT DISTINCT "t0"."event" FROM "table_0" AS "t0" ) AS "t1" ORDER BY "t1"."event" ASC LIMIT 10001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."workspace_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM "temp"."main"."table_0" AS "t0" ORDER BY "t0"."unit" ASC;
SELECT "t1"."variant", "t1"."country", "t1"."plan_tier", COUNT(*) AS "n" FROM ( SELECT "t0"."variant", "t0"."s_country" AS "country", "t0"."s_plan_tier" AS "plan_tier" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2, 3;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."variant", COALESCE(CAST("t0"."assigned_at" AS TIMESTAMP), CAST("t0"."assigned_at" AS TIMESTAMP)) AS "assigned_at", "t0"."company_size", "t0"."channel" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."signup_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT COUNT(*) AS "CountStar()" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."event", COALESCE(CAST("t0"."at" AS TIMESTAMP), CAST("t0"."at" AS TIMESTAMP)) AS "at", "t0"."value", "t0"."conversation_id", "t0"."agent_id" FROM "table_0" AS "t0" WHERE "t0"."event" = 'question' AND "t0"."conversation_id" IS NOT NULL ) AS "t1";
SELECT "t1"."variant", "t1"."company_size", "t1"."channel", COUNT(*) AS "n" FROM ( SELECT "t0"."variant", "t0"."s_company_size" AS "company_size", "t0"."s_channel" AS "channel" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2, 3;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."account_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."account_id" AS "unit", COALESCE(CAST("t0"."started_at" AS TIMESTAMP), CAST("t0"."started_at" AS TIMESTAMP)) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1";
SELECT "t0"."unit", "t0"."started_at", "t0"."lost_at", "t0"."seats" FROM "temp"."main"."table_0" AS "t0" LIMIT 5000001;
SELECT "t0"."unit", "t0"."at", "t0"."value", "t0"."start" FROM "temp"."main"."table_0" AS "t0" WHERE "t0"."event" = 'seats_changed' AND "t0"."value" IS NOT NULL LIMIT 5000001;
SELECT COUNT(*) AS "CountStar(table_0)" FROM "temp"."main"."table_0" AS "t0";
SELECT * FROM ( SELECT "t0"."account_id", COALESCE(CAST("t0"."started_at" AS TIMESTAMP), CAST("t0"."started_at" AS TIMESTAMP)) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" LIMIT 50000 ) AS "t2" ORDER BY "t2"."account_id" ASC;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."user_id" AS "unit", "t0"."variant", COALESCE(CAST("t0"."assigned_at" AS TIMESTAMP), CAST("t0"."assigned_at" AS TIMESTAMP)) AS "assigned_at", "t0"."place", "t0"."monthly_usd", "t0"."tenure_months" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."user_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."customer_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."customer_id" AS "unit", COALESCE(CAST("t0"."started_at" AS TIMESTAMP), CAST("t0"."started_at" AS TIMESTAMP)) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan", "t0"."amount" FROM "table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."arm" AS "variant", COALESCE(CAST("t0"."assigned_at" AS TIMESTAMP), CAST("t0"."assigned_at" AS TIMESTAMP)) AS "assigned_at", "t0"."country", "t0"."seats" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
