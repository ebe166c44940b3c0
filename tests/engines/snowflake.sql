-- proactive_help 2150a5fda8d1
-- proactive_help 6e62471e7f2a
-- proactive_help c90706e6dad1
-- proactive_help bb0907219875
-- proactive_help bf7c15310d83
-- proactive_help 8f7cc2f3b0ce
-- proactive_help 3c0966d9320f
-- proactive_help 51f6c3055bc8
-- proactive_help f61006a08bbd
-- proactive_help 9d2b6d7aa24a
-- proactive_help 02118647f271
-- proactive_help 96bab4a9ed61
-- proactive_help f6e0362cbbfb
-- proactive_help 31c80d2f1c43
-- proactive_help 054d02ecaa03
-- proactive_help 83df76d3478c
-- proactive_help 8630fd689ab8
-- proactive_help fff975592bdd
-- proactive_help 0e434e8ebc28
-- proactive_help 3fc9df5af0fb
-- proactive_help ec5e176f2221
-- proactive_help 51752c3b9d1b
-- proactive_help 5c6f407c11a0
-- live_support 86f6e291d356
-- live_support 568cc53fb3bd
-- live_support 70e6456d6e9a
-- live_support dcc824f52fee
-- live_support c5b5aadec244
-- live_support 88b98307369b
-- live_support 6c06395bab7c
-- live_support 33ade9d71015
-- live_support c23edf2a78c6
-- live_support 56ebb3d1a51f
-- live_support 84b245f15b9f
-- live_support 776ce19d2608
-- live_support a4b9ea975904
-- live_support b826fb8ff52d
-- live_support 3e8072b5c880
-- live_support 33e4c2744ce0
-- live_support 4957463d9614
-- live_support 4db33e5e6b9c
-- live_support 7862d788aeed
-- live_support 3fc9df5af0fb
-- live_support 7cefda88e03f
-- live_support e81c0eba1952
-- live_support 5704433a3b87
-- live_support 4f68c7a42e0c
-- live_support 0e44ddff5e6e
-- live_support 20aee50af6f4
-- live_support e85f593d1ca0
-- live_support 983b472f4d78
-- live_support 80f195a22211
-- live_support 762d342a1051
-- customer_milestones 352146387503
-- customer_milestones 4e1a3614bcb6
-- customer_milestones de8592d86022
-- customer_milestones 584fc1d38b5b
-- customer_milestones 3485c84d4258
-- customer_milestones 809f50f088c9
-- customer_milestones d0ca6e2289f1
-- customer_milestones 250877828ebb
-- customer_milestones 1faa60bef736
-- customer_milestones b777727b8165
-- customer_milestones 7d4905c3cdfa
-- customer_milestones 7f6208d8e366
-- customer_milestones 6bf85aeca559
-- customer_milestones 455ddb2774f6
-- customer_milestones f675ea13b103
-- customer_milestones fa8ddc15e890
-- customer_milestones f3ebbed2dde0
-- customer_milestones 995dba3e1970
-- customer_milestones 2714a52418c3
-- customer_milestones dede4aa12a3b
-- customer_milestones 56e26719bc3a
-- customer_milestones 9a9e8279a763
-- customer_milestones 91be662581d6
-- customer_milestones 947b34317444
-- customer_milestones 5ae243912a99
-- customer_milestones 780537416b56
-- customer_milestones d4819c073317
-- customer_milestones 318e71fdae8b
-- customer_milestones 37f8e41649d3
-- customer_milestones d02d01c2819e
-- customer_milestones 107721880647
-- customer_milestones c2df1f84a2e5
-- customer_milestones 244d7a5b2ab1
-- customer_milestones 3b53b026d987
-- customer_milestones 19a4d27b598b
-- customer_milestones ca36a25645d2
-- customer_milestones a85893f77a4b
-- customer_milestones dae2e729efe8
-- customer_milestones 694d573420b6
-- customer_milestones e475bb560fc3
-- customer_milestones 6f913bedcff9
-- customer_milestones 61eadf327e3f
-- customer_milestones 9dfb1fe7c344
-- customer_milestones 44cd4f66dc0b
-- in_app_support c43147347954
-- in_app_support 834a867a5180
-- in_app_support c0301d882e4e
-- in_app_support ee2bf7d5203d
-- in_app_support 21b09b110aed
-- in_app_support 6dafda845185
-- in_app_support ab2907a2d81f
-- in_app_support 19cb18905ea4
-- in_app_support 1e1c54d32212
-- in_app_support cab584be9e06
-- in_app_support 927f96477c1a
-- in_app_support 55b88f0791ff
-- in_app_support 0d61e91e86f4
-- in_app_support 3992e43b8b99
-- in_app_support c3ba2730d68b
-- in_app_support b6a530a3144f
-- in_app_support 3fc9df5af0fb
-- in_app_support 69a86e00bac7
-- in_app_support 1f7d883b9009
-- in_app_support e5b1ac72071b
-- in_app_support 0590f6b60c70
-- in_app_support 5dd2b00bc02d
-- in_app_support 24be1b097d14
-- in_app_support 12c1e5225e11
-- in_app_support 2eeca8cda536
-- support_metrics 72a06d9bcbd0
-- support_metrics 7eb50501347e
-- support_metrics 8477818195b0
-- support_metrics 65b8b527cfbd
-- support_metrics 2f0c9e6dcc24
-- support_metrics be981edeac17
-- support_metrics bf235c5e1f27
-- support_metrics b3a3fcf7390f
-- support_metrics 78516d991546
-- support_metrics 3e3e844e08e7
-- support_metrics 7b9d3ed680f7
-- support_metrics b2f53f1527c7
-- support_metrics f90b8d031c5c
-- support_metrics 5c4aa4f24c05
-- support_metrics b8a8350f4307
-- support_metrics a50541801a81
-- experiment f9a1a618b4de
-- experiment 5d1db65c50b5
-- experiment 5bf8a8ab9f90
-- experiment 809f50f088c9
-- experiment 0407a0bf4f3d
-- experiment ef7341c6bf8d
-- experiment b18167f3ea02
-- experiment 989c7beb362f
-- experiment 53ec325cb500
-- experiment f3aa86fc4ae6
-- experiment b07fabfe05f1
-- experiment a8d1ea7fc23d
-- experiment 6f9e93e7cac4
-- experiment ede390e82e66
-- experiment 3fc9df5af0fb
-- experiment c42917f4a8e3
-- experiment 3d43472cdd9b
-- experiment e01257fcfd9e
-- experiment 37596f5489d5
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT "t1"."event" FROM ( SELECT "t0"."workspace_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."format" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2" ) AS "t3" ORDER BY "t3"."event" ASC LIMIT 10001;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."workspace_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."country", "t0"."plan_tier", CAST("t0"."seats" AS DOUBLE) AS "seats" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."workspace_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM ( SELECT * FROM "temp"."main"."table_0" AS "t0" ORDER BY "t0"."unit" ASC ) AS "t1";
SELECT DISTINCT * FROM ( SELECT "t0"."variant", "t0"."s_country", "t0"."s_plan_tier", "t0"."week" FROM "temp"."main"."table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT "t1"."event" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."conversation_id", "t0"."agent_id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2" ) AS "t3" ORDER BY "t3"."event" ASC LIMIT 10001;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."signup_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."company_size", "t0"."channel" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."signup_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT DISTINCT * FROM ( SELECT "t0"."variant", "t0"."s_company_size", "t0"."s_channel", "t0"."week" FROM "temp"."main"."table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT "t1"."event" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2" ) AS "t3" ORDER BY "t3"."event" ASC LIMIT 10001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."account_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT * FROM ( SELECT DATE_TRUNC('DAY', "t3"."at") AS "day", COUNT(*) AS "n" FROM ( SELECT * FROM ( SELECT * FROM ( SELECT "t0"."account_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value" FROM "table_0" AS "t0" ) AS "t1" WHERE "t1"."event" IN ('cancelled') ) AS "t2" WHERE "t2"."at" IS NOT NULL ) AS "t3" GROUP BY 1 ) AS "t4" ORDER BY "t4"."day" ASC;
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT "t1"."start", "t1"."first", COUNT(*) AS "n" FROM ( SELECT "t0"."start", "t0"."every" AS "first" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2 ) AS "t2" ORDER BY "t2"."start" ASC, "t2"."first" ASC;
SELECT * FROM ( SELECT "t1"."start", "t1"."first", COUNT(*) AS "n" FROM ( SELECT "t0"."start", "t0"."active" AS "first" FROM "temp"."main"."table_0" AS "t0" ) AS "t1" GROUP BY 1, 2 ) AS "t2" ORDER BY "t2"."start" ASC, "t2"."first" ASC;
SELECT MAX("t0"."last") AS "n0" FROM "temp"."main"."table_0" AS "t0";
SELECT "t0"."unit", "t0"."started_at", "t0"."lost_at", "t0"."seats" FROM "temp"."main"."table_0" AS "t0" LIMIT 5000001;
SELECT "t1"."unit", "t1"."at", "t1"."value", "t1"."start" FROM ( SELECT * FROM "temp"."main"."table_0" AS "t0" WHERE "t0"."event" = 'seats_changed' AND "t0"."value" IS NOT NULL ) AS "t1" LIMIT 5000001;
SELECT MIN("t1"."started_at") AS "n0", SUM(CAST("t1"."started_at" <= TIMESTAMP_FROM_PARTS(2022, 12, 5, 0, 0, 0, 0) AS INT)) AS "n1", COUNT("t1"."started_at") AS "n2" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT "t1"."started_at", COUNT(*) AS "n" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."n" DESC NULLS LAST, "t2"."started_at" ASC LIMIT 2;
SELECT "t1"."tier", "t1"."size", "t1"."seats", CAST("t1"."lost_at" IS NOT NULL AS INT) AS "left" FROM ( SELECT * FROM "temp"."main"."table_0" AS "t0" WHERE COALESCE("t0"."lost_at" >= DATEADD(SECOND, '7776000', "t0"."started_at"), TRUE) ) AS "t1" LIMIT 5000001;
SELECT CAST(FLOOR(CAST(DATE_PART('epoch', "t0"."started_at") AS DOUBLE) / 86400) AS BIGINT) AS "start", CAST(FLOOR(CAST(DATE_PART('epoch', "t0"."lost_at") AS DOUBLE) / 86400) AS BIGINT) AS "lost", COUNT(*) AS "n" FROM "temp"."main"."table_0" AS "t0" GROUP BY 1, 2;
SELECT "t2"."event", COUNT(*) AS "rows", SUM(CAST("t2"."value" IS NULL AS INT)) AS "missing", MIN("t2"."at") AS "first", MAX("t2"."at") AS "latest" FROM ( SELECT * FROM ( SELECT "t0"."account_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value" FROM "table_0" AS "t0" ) AS "t1" WHERE "t1"."at" < TIMESTAMP_FROM_PARTS(2023, 9, 1, 0, 0, 0, 0) ) AS "t2" GROUP BY 1;
SELECT COUNT(*) AS "CountStar(table_0)" FROM "temp"."main"."table_0" AS "t0";
SELECT * FROM ( SELECT "t1"."unit" AS "account_id", "t1"."started_at", "t1"."seats", "t1"."plan_tier", "t1"."country" FROM ( SELECT "t0"."account_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan_tier", "t0"."country" FROM "table_0" AS "t0" ) AS "t1" LIMIT 50000 ) AS "t3" ORDER BY "t3"."account_id" ASC;
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT "t1"."event" FROM ( SELECT "t0"."user_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."request_id", "t0"."topic" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2" ) AS "t3" ORDER BY "t3"."event" ASC LIMIT 10001;
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."user_id" AS "unit", "t0"."variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."place", "t0"."monthly_usd", "t0"."tenure_months" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."user_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT DISTINCT * FROM ( SELECT "t0"."variant", "t0"."s_place", "t0"."week" FROM "temp"."main"."table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT DISTINCT * FROM ( SELECT "t1"."event" FROM ( SELECT "t0"."customer_id" AS "unit", "t0"."event", CAST("t0"."at" AS TIMESTAMP) AS "at", "t0"."value", "t0"."ticket", "t0"."topic", "t0"."agent" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2" ) AS "t3" ORDER BY "t3"."event" ASC LIMIT 10001;
SELECT MIN("t2"."rises") AS "All(rises)" FROM ( SELECT "t1"."id", COALESCE("t1"."id" > LAG("t1"."id") OVER (ORDER BY NULL ASC), TRUE) AS "rises" FROM ( SELECT "t0"."customer_id" AS "id" FROM "table_0" AS "t0" ) AS "t1" ) AS "t2";
SELECT SUM(CAST("t1"."seats" > 0 AS INT)) AS "n", SUM("t1"."seats") AS "sum", MAX("t1"."seats") AS "largest" FROM ( SELECT "t0"."customer_id" AS "unit", CAST("t0"."started_at" AS TIMESTAMP) AS "started_at", CAST("t0"."seats" AS DOUBLE) AS "seats", "t0"."plan", "t0"."amount" FROM "table_0" AS "t0" ) AS "t1";
SELECT * FROM ( SELECT "t1"."variant", COUNT(*) AS "rows" FROM ( SELECT "t0"."account_id" AS "unit", "t0"."arm" AS "variant", CAST("t0"."assigned_at" AS TIMESTAMP) AS "assigned_at", "t0"."country", "t0"."seats" FROM "table_0" AS "t0" ) AS "t1" GROUP BY 1 ) AS "t2" ORDER BY "t2"."rows" DESC NULLS LAST, "t2"."variant" ASC LIMIT 1001;
SELECT DISTINCT * FROM ( SELECT "t0"."variant", "t0"."s_country", "t0"."week" FROM "temp"."main"."table_0" AS "t0" ) AS "t1";
