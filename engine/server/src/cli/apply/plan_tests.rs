//! What there is to do, for what files can ask and engines can have.

use super::*;
use crate::cli::apply::references::References;

fn wanted(text: &str) -> Wanted {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, text).unwrap();
    Wanted::read(&[file], &mut References::of(&[], &[])).unwrap()
}

fn webhook(id: &str, name: &str, active: bool, settings: &Value) -> Value {
    json!({ "id": id, "name": name, "revision": 3, "active": active, "settings": settings })
}

fn crm() -> Value {
    json!({ "url": "https://crm.example/", "name": "CRM", "retry": { "after_seconds": [1] } })
}

const CRM: &str = "[[webhooks]]\nname = 'CRM'\nurl = 'https://crm.example/'\nretry = { after_seconds = [1] }\nactive = true\n";

fn plan(text: &str, webhooks: Vec<Value>, sites: Vec<Value>, prune: bool) -> Plan {
    Plan::make(wanted(text), &Present { sites, webhooks }, prune).unwrap()
}

#[test]
fn what_is_as_asked_for_is_unchanged() {
    let plan = plan(CRM, vec![webhook("wh_1", "CRM", true, &crm())], Vec::new(), true);
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.steps[0].act == Act::Unchanged && !plan.has_changes());
}

#[test]
fn fields_that_differ_are_told_each_by_its_path() {
    let mut there = crm();
    there["retry"]["after_seconds"] = json!([2]);
    there["method"] = json!("GET");
    let plan = plan(CRM, vec![webhook("wh_1", "CRM", true, &there)], Vec::new(), false);
    let Act::Change { revision: 3, differences, .. } = &plan.steps[0].act else { panic!("{plan:?}") };
    let told: Vec<_> = differences.iter().map(|one| (one.path.as_str(), &one.now, &one.then)).collect();
    assert_eq!(
        told,
        [
            ("method", &Some(json!("GET")), &None),
            ("retry.after_seconds", &Some(json!([2])), &Some(json!([1])))
        ]
    );
}

#[test]
fn a_webhook_is_switched_only_where_the_file_says_so() {
    let switch = |text: &str, active| {
        plan(text, vec![webhook("wh_1", "CRM", active, &crm())], Vec::new(), false).steps[0].switch
    };
    assert_eq!(switch(CRM, false), Some(true));
    assert_eq!(switch(&CRM.replace("active = true", "active = false"), true), Some(false));
    assert_eq!(switch(&CRM.replace("active = true", ""), true), None);
    let new = plan(CRM, Vec::new(), Vec::new(), false);
    assert!(matches!(new.steps[0].act, Act::Create(_)) && new.steps[0].switch == Some(true));
}

#[test]
fn nothing_goes_without_prune_nor_of_a_kind_that_no_file_speaks_of() {
    let (old, site) = (webhook("wh_2", "Old", true, &crm()), json!({ "id": "7", "revision": 2 }));
    let acts = |prune| {
        let there = vec![webhook("wh_1", "CRM", true, &crm()), old.clone()];
        let plan = plan(CRM, there, vec![site.clone()], prune);
        plan.steps.into_iter().map(|step| step.act).collect::<Vec<_>>()
    };
    assert_eq!(acts(false), [Act::Unchanged, Act::Extra, Act::Extra]);
    assert_eq!(acts(true), [Act::Unchanged, Act::Delete { revision: 3 }, Act::Extra]);
}

#[test]
fn a_name_that_two_webhooks_have_is_refused() {
    let there = vec![webhook("wh_1", "CRM", true, &crm()), webhook("wh_2", "CRM", false, &crm())];
    let faults = Plan::make(wanted(CRM), &Present { sites: Vec::new(), webhooks: there }, false).unwrap_err();
    assert!(faults[0].contains("webhooks[0].name") && faults[0].contains("wh_1 and wh_2"), "{faults:?}");
}

#[test]
fn a_site_is_compared_with_nothing_left_out() {
    let text = "[sites.60001]\nname = 'Shop'";
    let there = wanted(text).sites.unwrap().remove("60001").unwrap().settings;
    let same = plan(text, Vec::new(), vec![there.clone()], false);
    assert_eq!(same.steps[0].act, Act::Unchanged);
    let other = plan(&format!("{text}\ncountry = 'KZ'"), Vec::new(), vec![there], false);
    let Act::Change { differences, .. } = &other.steps[0].act else { panic!("{other:?}") };
    assert_eq!((differences.len(), differences[0].path.as_str()), (1, "country"));
}

#[test]
fn faults_of_a_preview_are_those_of_the_file() {
    let place = wanted(CRM).webhooks.unwrap().remove(0).place;
    let problem = json!({ "errors": [
        { "path": "webhook.url", "detail": "is not allowed" }, { "path": "lead", "detail": "another matter" },
    ]});
    let faults = faults_of_settings(&problem, &place);
    assert!(
        faults.len() == 1 && faults[0].ends_with("x.toml: webhooks[0].url: is not allowed"),
        "{faults:?}"
    );
}
