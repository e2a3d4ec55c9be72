//! How long rendering and encoding of a full lead take. Run with `cargo bench -p leadhook-core --bench render`.

use divan::{Bencher, black_box};
use leadhook_core::{
    event::Trigger,
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    lead::{Lead, LeadKind},
    parameter::{Keys, RecordingLinks, recording::LinkKeyId},
    preview::{preview, sample_lead},
    render::{Scene, render},
    site::Site,
    time::{Serial, Timestamp},
    webhook::Settings,
};
use serde_json::json;

const NOW: Timestamp = Timestamp(1_772_125_417_000);

fn main() {
    divan::main();
}

struct Stage {
    lead: Lead,
    site: Site,
    settings: Settings,
    keys: Keys,
}

impl Stage {
    fn new(kind: LeadKind, method: &str) -> Self {
        let site = SiteId::new("60001").expect("a plain id");
        let settings = json!({ "url": "https://crm.example/hook", "method": method });
        let recording = RecordingLinks {
            base_url: "https://hooks.example".to_owned(),
            key: LinkKeyId { account: AccountId(1), number: 1 },
            secret: [7; 32],
            expires_days: 30,
        };
        Self {
            lead: sample_lead(kind, &site, NOW),
            site: Site::new(site),
            settings: Settings::restore(&settings).expect("settings that are in order"),
            keys: Keys { client_id_key: [1; 32], recording: Some(recording) },
        }
    }

    fn scene(&self, trigger: Trigger) -> Scene<'_> {
        let lane = Lane { webhook: WebhookId(5), lead: self.lead.serial };
        Scene {
            delivery: DeliveryId { lane, serial: Serial(9) },
            trigger,
            lead: &self.lead,
            site: &self.site,
            settings: &self.settings,
            revision: 1,
            previous: None,
            lane_goes_on: false,
            keys: &self.keys,
            now: NOW,
        }
    }
}

#[divan::bench(args = ["POST", "GET"])]
fn call_ended(bencher: Bencher<'_, '_>, method: &str) {
    let stage = Stage::new(LeadKind::Call, method);
    let scene = stage.scene(Trigger::CallEnded);
    bencher.bench_local(|| render(black_box(&scene)));
}

#[divan::bench]
fn request_created(bencher: Bencher<'_, '_>) {
    let stage = Stage::new(LeadKind::Request, "POST");
    let scene = stage.scene(Trigger::RequestCreated);
    bencher.bench_local(|| render(black_box(&scene)));
}

#[divan::bench]
fn preview_of_a_call(bencher: Bencher<'_, '_>) {
    let stage = Stage::new(LeadKind::Call, "POST");
    let scene = stage.scene(Trigger::CallEnded);
    bencher.bench_local(|| preview(black_box(&scene)));
}
