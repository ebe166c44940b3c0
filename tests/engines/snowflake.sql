-- proactive_help 08be7bdc8c73
-- proactive_help da482c40bee0
-- proactive_help 3c1c6379929b
-- proactive_help 57c1cdcbc4a8
-- proactive_help 0fbec796e2be
-- proactive_help 8f7cc2f3b0ce
-- proactive_help 3c0966d9320f
-- proactive_help e36659afd962
-- proactive_help f61006a08bbd
-- proactive_help 3492a637ce42
-- proactive_help 7863a883d40c
-- proactive_help b639f625880d
-- proactive_help 6217bb2d2231
-- proactive_help f7f3be7f0363
-- proactive_help fa2061f1c4e1
-- proactive_help 6f80711fb27d
-- proactive_help c297563136dc
-- proactive_help 2c72ed69b9ec
-- proactive_help fff975592bdd
-- proactive_help 280dc0767449
-- proactive_help 03af93d44971
-- proactive_help 51752c3b9d1b
-- proactive_help bc9b41914ac0
-- live_support 34f72516c51b
-- live_support b7c74e08d828
-- live_support 3c1c6379929b
-- live_support 53f5e8eedde4
-- live_support ee9a0e3f5716
-- live_support 88b98307369b
-- live_support 6c06395bab7c
-- live_support bacafcf3661a
-- live_support c23edf2a78c6
-- live_support 1798e9577b8b
-- live_support 5ef404579806
-- live_support ca6388740bd0
-- live_support 95fd24fa57e0
-- live_support 4a8533d5d0f3
-- live_support 9f24146b36fa
-- live_support 381d1b8b6b02
-- live_support ac59d0eb20fc
-- live_support 474e197afeb0
-- live_support e2659c954025
-- live_support 2b63aa5e8fa2
-- live_support 4db33e5e6b9c
-- live_support 280dc0767449
-- live_support a28724f1ca79
-- live_support 6c599332405c
-- live_support 81fd0527d3c2
-- live_support 2f2c9e2beaf3
-- live_support 80f195a22211
-- live_support 0ed4d9fb82cb
-- customer_milestones 17f5b5cc6c19
-- customer_milestones 2b67ede01da2
-- customer_milestones 3c1c6379929b
-- customer_milestones 33e6a02ce776
-- customer_milestones cc4d896c899e
-- customer_milestones 809f50f088c9
-- customer_milestones d0ca6e2289f1
-- customer_milestones 528625ab8111
-- customer_milestones 1faa60bef736
-- customer_milestones 2b5254f6999f
-- customer_milestones f653e9fcd558
-- customer_milestones 63140f7d061f
-- customer_milestones a02ee39a7a57
-- customer_milestones 0cfd870b9a6d
-- customer_milestones 757772868799
-- customer_milestones 9c480429f431
-- customer_milestones c7d745a4bd88
-- customer_milestones 2ee16124f06c
-- customer_milestones fa18e1b48246
-- customer_milestones 87068d545af9
-- customer_milestones 8f88124b7f53
-- customer_milestones d5121f745e9d
-- customer_milestones 5ae243912a99
-- customer_milestones 9f92c74ee860
-- customer_milestones f346819ce253
-- customer_milestones 318e71fdae8b
-- customer_milestones a5ddbb9340a9
-- customer_milestones 9a54849a339e
-- customer_milestones 92f14b662f65
-- customer_milestones e84b98b11067
-- customer_milestones a2e532c50c2b
-- customer_milestones 1a6fdc74fe71
-- customer_milestones ca36a25645d2
-- customer_milestones dae2e729efe8
-- customer_milestones 664ea3a18c5b
-- customer_milestones e475bb560fc3
-- customer_milestones 8fd0dc345371
-- customer_milestones cca765b9446a
-- customer_milestones a5d89f33dd62
-- customer_milestones 787b341206ba
-- in_app_support 48f68cd73e79
-- in_app_support faeece7e4dfc
-- in_app_support 3c1c6379929b
-- in_app_support e68c7760503d
-- in_app_support 37d38bfa6f7f
-- in_app_support 6dafda845185
-- in_app_support ab2907a2d81f
-- in_app_support 2e9d20131356
-- in_app_support 1e1c54d32212
-- in_app_support 7c932f70fdb4
-- in_app_support 949441a35d7b
-- in_app_support 20df6d38d771
-- in_app_support 61c0fe61ad82
-- in_app_support 89bb44aa4b9e
-- in_app_support 6c69537e707f
-- in_app_support 6fdfa5f1f8a0
-- in_app_support 9ff082c8473c
-- in_app_support b9baaefbba36
-- in_app_support b6a530a3144f
-- in_app_support 280dc0767449
-- in_app_support 07516f386d9d
-- in_app_support 5a395e9c26b3
-- in_app_support 3595416505fd
-- in_app_support 54056c39c4dd
-- in_app_support 482d4fd2523f
-- in_app_support 12c1e5225e11
-- in_app_support e0a7ddf118b6
-- support_metrics 42b37a5c185b
-- support_metrics f5e9f4b12581
-- support_metrics 3c1c6379929b
-- support_metrics 8488d5746567
-- support_metrics d6046474cce8
-- support_metrics be981edeac17
-- support_metrics bf235c5e1f27
-- support_metrics d163e6ffe100
-- support_metrics 78516d991546
-- support_metrics 4bc67991d685
-- support_metrics 9feec07867ee
-- support_metrics 11fe76a982e6
-- support_metrics 036d05e924ad
-- support_metrics abca90830f97
-- experiment fbc23701e95c
-- experiment 5d6065160269
-- experiment 5bf8a8ab9f90
-- experiment 809f50f088c9
-- experiment b66a51380e03
-- experiment ef7341c6bf8d
-- experiment 5e722acd92e7
-- experiment 77e8f0faccd8
-- experiment 1b2af580d1a5
-- experiment 436ee03ef162
-- experiment b3cc8e0eb555
-- experiment e064dfaac049
-- experiment cf416042fa28
-- experiment eb2710583a5f
-- experiment ede390e82e66
-- experiment 280dc0767449
-- experiment e01257fcfd9e
-- experiment 3e4777d170e6
SELECT * FROM ( SELECT DISTINCT "t0"."event" FROM "table_0" AS "t0" ) AS "t1" ORDER BY "t1"."event" ASC LIMIT 10001;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."workspace_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."country", "t0"."plan_tier", CAST("t0"."seats" AS DOUBLE) AS "seats" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."workspace_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM "temp"."main"."table_0" AS "t0" ORDER BY "t0"."unit" ASC;
SELECT "t1"."variant", "t1"."country", "t1"."plan_tier", COUNT(*) AS "n" FROM ( SELECT "t0"."variant", "t0"."s_country" AS "country", "t0"."s_plan_tier" AS "plan_tier" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2, 3;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."company_size", "t0"."channel" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."signup_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT COUNT(*) AS "CountStar()" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."conversation_id", "t0"."agent_id" FROM "table_0" AS "t0" WHERE "t0"."event" = 'question' AND "t0"."conversation_id" IS NOT NULL ) AS "t1";
SELECT "t1"."variant", "t1"."company_size", "t1"."channel", COUNT(*) AS "n" FROM ( SELECT "t0"."variant", "t0"."s_company_size" AS "company_size", "t0"."s_channel" AS "channel" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2, 3;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."account_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM ( SELECT DATE_TRUNC('DAY', "t1"."at") AS "day", COUNT(*) AS "n" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value" FROM "table_0" AS "t0" WHERE "t0"."event" IN ('cancelled') AND CAST("t0"."at" AS TIMESTAMP) IS NOT NULL ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."day" ASC;
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1";
SELECT "t0"."unit", "t0"."started_at", "t0"."lost_at", "t0"."seats" FROM "temp"."main"."table_0" AS "t0" LIMIT 5000001;
SELECT "t0"."unit", "t0"."at", "t0"."value", "t0"."start" FROM "temp"."main"."table_0" AS "t0" WHERE "t0"."event" = 'seats_changed' AND "t0"."value" IS NOT NULL LIMIT 5000001;
SELECT MIN("t1"."started_at") AS "n0", SUM(CAST("t1"."started_at" <= TIMESTAMP_FROM_PARTS(2022, 12, 5, 0, 0, 0, 0) AS INT)) AS "n1", COUNT("t1"."started_at") AS "n2" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1";
SELECT "t0"."tier", "t0"."size", "t0"."seats", CAST("t0"."lost_at" IS NOT NULL AS INT) AS "left" FROM "temp"."main"."table_0" AS "t0" WHERE COALESCE("t0"."lost_at" >= DATEADD(SECOND, '7776000', "t0"."started_at"), TRUE) LIMIT 5000001;
SELECT CAST(FLOOR(CAST(DATE_PART('epoch', "t0"."started_at") AS DOUBLE) / 86400) AS BIGINT) AS "start", CAST(FLOOR(CAST(DATE_PART('epoch', "t0"."lost_at") AS DOUBLE) / 86400) AS BIGINT) AS "lost", COUNT(*) AS "n" FROM "temp"."main"."table_0" AS "t0" GROUP BY 1, 2;
SELECT "t1"."event", COUNT(*) AS "rows", SUM(CAST("t1"."value" IS NULL AS INT)) AS "missing", MIN("t1"."at") AS "first", MAX("t1"."at") AS "latest" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value" FROM "table_0" AS "t0" WHERE CAST("t0"."at" AS TIMESTAMP) < TIMESTAMP_FROM_PARTS(2023, 9, 1, 0, 0, 0, 0) ) AS "t1" GROUP BY 1;
SELECT COUNT(*) AS "CountStar(table_0)" FROM "temp"."main"."table_0" AS "t0";
SELECT * FROM ( SELECT "t0"."account_id", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" LIMIT 50000 ) AS "t2" ORDER BY "t2"."account_id" ASC;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."user_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."place", "t0"."monthly_usd", "t0"."tenure_months" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."user_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."customer_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM ( SELECT DATE_TRUNC('DAY', "t1"."at") AS "day", COUNT(*) AS "n" FROM ( SELECT "t0"."customer_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."ticket", "t0"."topic", "t0"."agent" FROM "table_0" AS "t0" WHERE "t0"."event" IN ('left') AND CAST("t0"."at" AS TIMESTAMP) IS NOT NULL ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."day" ASC;
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."customer_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan", "t0"."amount" FROM "table_0" AS "t0" ) AS "t1";
SELECT "t0"."ticket", "t0"."agent", "t0"."value", CAST("t0"."at" AS TIMESTAMP) AS "at" FROM "table_0" AS "t0" WHERE "t0"."event" = 'reviewed' AND CAST("t0"."at" AS TIMESTAMP) < TIMESTAMP_FROM_PARTS(2022, 5, 1, 0, 0, 0, 0) ORDER BY CAST("t0"."at" AS TIMESTAMP) ASC, "t0"."ticket" ASC, "t0"."agent" ASC LIMIT 5000001;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."arm" AS "variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."country", "t0"."seats" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
