//! A script in the sandbox beside the same script in native rhai.

use std::{hint::black_box, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use leadhook_rhai_runner as native;
use leadhook_sandbox::{Body, Call, Keep, Pair};
use leadhook_testkit::{Kit, Sample};
use rhai::{Dynamic, Engine, Map, Scope};

use super::{
    BAR_OF_NATIVE, call, draft,
    turns::{Turn, Turns},
};

const SCRIPT: &str = r#"
    if lead.callerphone.starts_with("7495") { skip("Moscow numbers are not sent"); }
    request.set("phone", "+" + lead.callerphone);
    request.set("source", lead.utm_source + "/" + lead.utm_campaign);
    for tag in lead.tags_manual { request.set("tag_" + tag, "1"); }
"#;

/// Measures and tells; whether the bar is reached.
pub(super) fn run(kit: &Kit, lead: &Sample, time: Duration) -> Result<bool> {
    let plugin = kit.load(SCRIPT.as_bytes())?;
    let (fresh, draft) = (call(lead), draft(lead)?);
    let warm = Call { keep: Some(Keep { account: "1", webhook: "w" }), ..fresh.clone() };
    let mut runner = native::Runner::new();
    let mut plain = Plain::new(lead, draft.body.clone())?;
    let in_sandbox = |call: &Call<'_>| {
        plugin.transform(call, draft).result.map(drop).map_err(|record| anyhow!("{record}"))
    };
    let mut natively = || match runner.run(SCRIPT, delivery(lead), request(draft)) {
        native::Verdict::Send(sent) => {
            drop(black_box(sent));
            Ok(())
        }
        other => Err(anyhow!("natively the script came to {other:?}")),
    };
    let turns = Turns::take(
        &mut [
            Turn::of(|| plain.run()),
            Turn::of(&mut natively),
            Turn::of(|| in_sandbox(&warm)),
            Turn::of(|| in_sandbox(&fresh)),
        ],
        time,
    )?;
    let names = ["plain rhai, maps", "the runner, natively", "sandbox, warm", "sandbox, fresh"];
    println!("{:<24} {:>10} {:>16} {:>16}", "", "µs", "of the runner", "of plain rhai");
    for (place, name) in names.iter().enumerate() {
        let (of_runner, of_plain) = (turns.ratio(place, 1), turns.ratio(place, 0));
        println!("{name:<24} {:>10.1} {of_runner:>16.2} {of_plain:>16.2}", turns.median_us(place));
    }
    Ok(turns.ratio(2, 1) <= BAR_OF_NATIVE)
}

fn delivery(lead: &Sample) -> native::Delivery {
    let told = &lead.delivery;
    native::Delivery {
        id: told.id.clone(),
        webhook: told.webhook.clone(),
        site: told.site.clone(),
        trigger: told.trigger.clone(),
        occurred_at_ms: told.occurred_at_ms,
        resend: told.resend,
        sample: told.sample,
        lead: told.lead.clone(),
    }
}

fn request(draft: &leadhook_sandbox::Draft) -> native::Request {
    let pair = |Pair { name, value }: &Pair| native::Pair { name: name.clone(), value: value.clone() };
    native::Request {
        method: draft.method.clone(),
        url: draft.url.clone(),
        headers: draft.headers.iter().map(pair).collect(),
        body: match &draft.body {
            Body::Form(pairs) => native::Body::Form(pairs.iter().map(pair).collect()),
            Body::Raw(raw) => native::Body::Raw(native::Raw {
                content_type: raw.content_type.clone(),
                bytes: raw.bytes.clone(),
            }),
        },
    }
}

/// The same script in plain rhai with all of its packages: the lead and the fields are maps made for each call, of
/// values that somebody else has read already.
struct Plain {
    engine: Engine,
    tree: rhai::AST,
    lead: Vec<(String, String)>,
    fields: Vec<(String, String)>,
}

impl Plain {
    fn new(lead: &Sample, body: Body) -> Result<Self> {
        let mut engine = Engine::new();
        engine.register_fn("skip", |_: &str| {});
        engine.register_fn("set", |map: &mut Map, name: &str, value: &str| {
            map.insert(name.into(), value.into());
        });
        let tree = engine.compile(SCRIPT.replace("request.set(", "set(request, "))?;
        let told: serde_json::Value = serde_json::from_str(&lead.delivery.lead)?;
        let parameters = told["parameters"].as_object().context("a lead has parameters")?;
        let text =
            |(name, value): (&String, &serde_json::Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let fields = match body {
            Body::Form(pairs) => pairs.into_iter().map(|Pair { name, value }| (name, value)).collect(),
            Body::Raw(_) => Vec::new(),
        };
        Ok(Self { engine, tree, lead: parameters.iter().filter_map(text).collect(), fields })
    }

    fn run(&mut self) -> Result<()> {
        let map = |pairs: &[(String, String)]| -> Map {
            pairs.iter().map(|(name, value)| (name.as_str().into(), Dynamic::from(value.clone()))).collect()
        };
        let mut lead = map(&self.lead);
        lead.insert("tags_manual".into(), Dynamic::from(vec![Dynamic::from("a"), Dynamic::from("b")]));
        let mut scope = Scope::new();
        scope.push("lead", lead).push("request", map(&self.fields));
        let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.tree);
        value.map(|value| drop(black_box(value))).map_err(|error| anyhow!("plain rhai: {error}"))
    }
}
