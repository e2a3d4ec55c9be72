//! Plugins that do their worst in webhooks of their own: each call ends as an error record within its limits, a
//! neighbour's deliveries all keep arriving in their order, and the memory comes back.

use std::{collections::BTreeMap, fs, time::Duration};

use leadhook_harness::{Engine, Received, Receiver, wait_until};
use serde_json::{Value, json};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::world::{
    call, deliveries, engine, forced_webhook, in_state, of_leads, post, tagged, webhook, whole,
};

/// How many webhooks each torture has: each lets it fail five times before it leaves it alone.
const WEBHOOKS_EACH: usize = 4;
/// Failures in a row after which a plugin is left alone in a webhook.
const FAILURES: usize = 5;
/// The leads that come while all this goes on; each owes the neighbour three deliveries.
const LEADS: u64 = 40;
/// A call's limits as they are by default, the time with much room for a busy machine.
const FUEL_MAX: u64 = 50_000_000;
const MEMORY_BYTES_MAX: u64 = 64 << 20;
const LOG_LINES_MAX: usize = 100;
const ELAPSED_MAX: Duration = Duration::from_secs(10);
/// What the engine may have more of afterwards. All memory bombs together ask for five times as much.
const GROWTH_BYTES_MAX: u64 = 256 << 20;

/// A plugin that does its worst.
struct Torture {
    name: &'static str,
    upload: Vec<u8>,
    /// The kinds of error records that it may end in.
    kinds: &'static [&'static str],
}

/// A transform of this body: it gets a pointer to its arguments and returns one to its verdict.
fn transform(body: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
        (import "leadhook:plugin/host@1.0.0" "log" (func $log (param i32 i32 i32)))
        (memory (export "memory") 64)
        (global $next (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (local $at i32)
          (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
          (global.set $next (i32.add (local.get $at) (local.get 3)))
          (local.get $at))
        (func $run (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32) {body}))"#
    );
    let mut wasm = wat::parse_str(module).unwrap();
    let world = "package test:guests;
        world guest { include leadhook:plugin/plugin@1.0.0; export leadhook:plugin/transform@1.0.0; }";
    let mut resolve = Resolve::default();
    resolve.push_str("plugin.wit", include_str!("../../sdk/wit/v1/plugin.wit")).unwrap();
    let package = resolve.push_str("guest.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8, false).unwrap();
    wasm
}

fn tortures() -> Vec<Torture> {
    let by_end: &[_] = &["fuel", "deadline"];
    let torture = |name, upload: Vec<u8>, kinds| Torture { name, upload, kinds };
    // A `skip` whose reason has three million bytes.
    let huge = "(i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 24) (i32.const 0))
        (i32.store (i32.const 28) (i32.const 3000000)) (i32.const 16)";
    // Each new page is written to, so that it takes memory in truth.
    let bomb = "(local $at i32) (local $end i32)
        (loop $more
          (local.set $at (i32.shl (memory.grow (i32.const 16)) (i32.const 16)))
          (local.set $end (i32.add (local.get $at) (i32.const 1048576)))
          (loop $page
            (i32.store8 (local.get $at) (i32.const 1))
            (br_if $page
              (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (local.get $end))))
          (br $more)) (unreachable)";
    vec![
        torture("endless", transform("(loop (br 0)) (unreachable)"), by_end),
        torture("bomb", transform(bomb), &["memory", "deadline"]),
        torture("huge", transform(huge), &["output"]),
        torture(
            "flood",
            transform("(loop (call $log (i32.const 2) (i32.const 0) (i32.const 1000)) (br 0)) (unreachable)"),
            by_end,
        ),
        torture("trap", transform("(unreachable)"), &["trap"]),
        torture("deep", transform("(call $run (local.get 0))"), &["trap"]),
        torture("script-loop", b"loop {}".to_vec(), &["failed", "fuel", "deadline"]),
        torture(
            "script-growth",
            b"let a = []; loop { a.push(`${a}`); }".to_vec(),
            &["failed", "memory", "fuel", "deadline"],
        ),
    ]
}

/// Uploads it. The first script has its runner compiled, for which a debug build on a busy machine may need longer than
/// an answer is waited for.
async fn upload(engine: &Engine, torture: &Torture) {
    let bearer = format!("Bearer {}", engine.key());
    let path = format!("/v1/plugins/{}", torture.name);
    let headers = [("authorization", bearer.as_str())];
    for _ in 0..4 {
        let answered = engine.raw("PUT", &path, &headers, torture.upload.clone()).await;
        if let Ok(answer) = answered {
            assert!(matches!(answer.status, 200 | 201), "{}: {}", torture.name, answer.json());
            return;
        }
    }
    panic!("the upload of {} was not answered", torture.name);
}

fn resident_bytes(engine: &Engine) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", engine.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Every lead's requests as they came: the tags tell which of the three each was.
fn in_order(ledger: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut leads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in of_leads(ledger) {
        let body: Value = serde_json::from_str(&request.text()).expect("each body is whole");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        leads.entry(text("id")).or_default().push(text("tags_manual"));
    }
    leads
}

/// Holds that a failed delivery has its error record, of one of the kinds, within every limit.
fn is_recorded(torture: &Torture, delivery: &Value) {
    let run = &delivery["plugins"][0];
    let kind = run["error"]["kind"].as_str().unwrap_or_default();
    assert!(torture.kinds.contains(&kind), "{}: {delivery}", torture.name);
    assert!(!run["error"]["detail"].as_str().unwrap().is_empty(), "{run}");
    let number = |name: &str| run[name].as_u64().unwrap();
    assert!(number("fuel") <= FUEL_MAX && number("memory_bytes_peak") <= MEMORY_BYTES_MAX, "{run}");
    assert!(Duration::from_micros(number("elapsed_us")) < ELAPSED_MAX, "{run}");
    assert!(run["log"].as_array().unwrap().len() <= LOG_LINES_MAX, "{run}");
    assert_eq!(run["log_cut"], torture.name == "flood", "{run}");
    assert_eq!(delivery["attempts"][0]["broken"]["kind"], "plugin_failed", "{delivery}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_at_their_worst_end_as_error_records_while_a_neighbour_gets_everything_and_memory_comes_back()
{
    let engine = engine().await;
    let (neighbour, never) = (Receiver::start().await, Receiver::start().await);
    let theirs = json!({ "url": neighbour.url("/hook"), "transform": [{ "plugin": "json-body" }],
        "sending": { "model": "event_based", "on": ["call_ended", "lead_tags_changed"] } });
    let theirs = webhook(&engine, theirs).await;
    let tortures = tortures();
    for torture in &tortures {
        upload(&engine, torture).await;
    }
    // Whatever grows with the first deliveries has grown.
    post(&engine, &json!([call(1000), tagged(1000, "a"), tagged(1000, "b")])).await;
    in_state(&engine, &theirs, "delivered", 3).await;
    let before = resident_bytes(&engine);

    let mut tortured = Vec::new();
    for torture in &tortures {
        for _ in 0..WEBHOOKS_EACH {
            let settings = json!({ "url": never.url("/hook"), "retry": { "after_seconds": [] },
                "transform": [{ "plugin": torture.name }] });
            tortured.push((torture, forced_webhook(&engine, settings).await));
        }
    }
    let probes = never.requests().len();
    for number in 0..LEADS {
        let (first, second) = (tagged(number, "a"), tagged(number, "b"));
        post(&engine, &json!([call(number), first, second])).await;
    }

    in_state(&engine, &theirs, "delivered", 3 * LEADS as usize + 3).await;
    let came = in_order(&neighbour.requests());
    assert_eq!(came.len() as u64, LEADS + 1);
    assert!(came.values().all(|tags| *tags == ["null", "a", "b"]), "{came:?}");
    let all = deliveries(&engine, &format!("webhook={theirs}")).await;
    assert!(all.iter().all(|one| one["attempt_count"] == 1), "none was broken");
    for (torture, webhook) in &tortured {
        for failed in in_state(&engine, webhook, "failed", FAILURES).await {
            is_recorded(torture, &whole(&engine, &failed).await);
        }
    }
    assert_eq!(never.requests().len(), probes, "nothing went out");
    wait_until("the memory is back", async || {
        (resident_bytes(&engine) < before + GROWTH_BYTES_MAX).then_some(())
    })
    .await;
    let (status, told) = engine.get("/v1/notifications?limit=500").await;
    assert_eq!(status, 200, "{told}");
    for (torture, webhook) in &tortured {
        let tells = |one: &&Value| one["webhook"] == **webhook && one["plugin"] == torture.name;
        let told: Vec<_> = told["notifications"].as_array().unwrap().iter().filter(tells).collect();
        assert!(told.len() == 1 && told[0]["kind"] == "plugin_failing", "{}: {told:?}", torture.name);
    }
}
