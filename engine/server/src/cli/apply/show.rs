//! A plan as it is shown: in words for people, a JSON object a line for programs; no secret in either.

use serde_json::{Value, json};

use super::{
    plan::{Act, Difference, Plan, Step, Subject},
    references::References,
};
use crate::cli::terminal::{Style, Terminal, shorten, tame};

/// The most characters of a value that are shown.
const VALUE_CHARACTERS_MAX: usize = 80;

/// Prints what is to be done, line by line, and a sum.
pub(super) fn in_words(plan: &Plan, references: &References, terminal: &mut Terminal) -> anyhow::Result<()> {
    let steps = plan.steps.iter().filter(|step| step.is_change() || step.act == Act::Extra);
    for step in steps {
        terminal.line(heading(step, terminal))?;
        if let Act::Change { differences, .. } = &step.act {
            for difference in differences {
                terminal.line(format!("    {}", in_a_line(difference, references)))?;
            }
        }
        match step.switch {
            Some(true) => terminal.line("    is switched on, when its handler takes a sample lead")?,
            Some(false) => terminal.line("    is switched off")?,
            None => {}
        }
    }
    Ok(terminal.line(sum(plan))?)
}

fn heading(step: &Step, terminal: &Terminal) -> String {
    let subject = subject(step);
    let place = step.place.as_ref().map(|place| format!("  ({place})")).unwrap_or_default();
    match &step.act {
        Act::Create(_) => terminal.paint(Style::Green, format!("+ {subject}{place}")),
        Act::Change { .. } | Act::Unchanged => terminal.paint(Style::Yellow, format!("~ {subject}{place}")),
        Act::Delete { .. } => {
            terminal.paint(Style::Red, format!("- {subject}  is in no file, and is deleted"))
        }
        Act::Extra => terminal.paint(Style::Dim, format!("  {subject}  is in no file, and stays")),
    }
}

/// What a step is about, in words.
pub(super) fn subject(step: &Step) -> String {
    match &step.subject {
        Subject::Site(id) => format!("site {}", tame(id)),
        Subject::Webhook { name, id: Some(id) } => format!("webhook `{}` {id}", tame(name)),
        Subject::Webhook { name, id: None } => format!("webhook `{}`", tame(name)),
    }
}

fn in_a_line(difference: &Difference, references: &References) -> String {
    let path = tame(&difference.path);
    if is_secret(difference, references) {
        return format!("{path}: is another (not shown)");
    }
    let shown = |value: &Option<Value>| match value {
        Some(value) => shorten(&tame(&value.to_string()), VALUE_CHARACTERS_MAX).into_owned(),
        None => "nothing".to_owned(),
    };
    format!("{path}: {} → {}", shown(&difference.now), shown(&difference.then))
}

/// Whether values are kept to themselves: secrets by their nature, and whatever a file refers to instead of holding it.
fn is_secret(difference: &Difference, references: &References) -> bool {
    let field = difference.path.split('.').next().unwrap_or_default();
    let betrays =
        |value: &Option<Value>| value.as_ref().is_some_and(|value| references.betrays(&value.to_string()));
    matches!(field, "signing" | "headers") || betrays(&difference.now) || betrays(&difference.then)
}

fn sum(plan: &Plan) -> String {
    let count = |is: fn(&Act) -> bool| plan.steps.iter().filter(|step| is(&step.act)).count();
    let switched = plan.steps.iter().filter(|step| step.switch.is_some()).count();
    format!(
        "{} to make, {} to change, {} to switch, {} to delete; {} unchanged, {} in no file",
        count(|act| matches!(act, Act::Create(_))),
        count(|act| matches!(act, Act::Change { .. })),
        switched,
        count(|act| matches!(act, Act::Delete { .. })),
        count(|act| *act == Act::Unchanged),
        count(|act| *act == Act::Extra),
    )
}

/// Prints each step as a JSON object.
pub(super) fn as_json(plan: &Plan, references: &References, terminal: &mut Terminal) -> anyhow::Result<()> {
    for step in &plan.steps {
        let (kind, name, id) = match &step.subject {
            Subject::Site(id) => ("site", None, Some(id)),
            Subject::Webhook { name, id } => ("webhook", Some(name), id.as_ref()),
        };
        let (action, differences) = match &step.act {
            Act::Create(_) => ("create", &[][..]),
            Act::Change { differences, .. } => ("change", &differences[..]),
            Act::Unchanged => ("unchanged", &[][..]),
            Act::Extra => ("extra", &[][..]),
            Act::Delete { .. } => ("delete", &[][..]),
        };
        let field = |difference: &Difference| match is_secret(difference, references) {
            true => json!({ "path": difference.path }),
            false => json!({ "path": difference.path, "now": difference.now, "then": difference.then }),
        };
        let fields: Vec<_> = differences.iter().map(field).collect();
        let place = step.place.as_ref().map(ToString::to_string);
        terminal.line(json!({
            "kind": kind, "name": name, "id": id, "action": action, "fields": fields, "switch": step.switch,
            "place": place,
        }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::Paper;

    #[test]
    fn a_plan_tells_what_differs_and_no_secret() {
        let mut references = References::of(&[("TOKEN", "t0k")], &[]);
        references.resolve(&mut json!("${TOKEN}"), "", &mut Vec::new());
        let difference = |path: &str, now: Value, then: Value| Difference {
            path: path.to_owned(),
            now: Some(now),
            then: Some(then),
        };
        let differences = vec![
            difference("timeout_seconds", json!(5), json!(6)),
            difference("url", json!("https://crm.example/?t=old"), json!("https://crm.example/?t=t0k")),
            difference("signing.secrets", json!(["whsec_a"]), json!(["whsec_b"])),
        ];
        let subject = Subject::Webhook { name: "CRM".to_owned(), id: Some("wh_1".to_owned()) };
        let act = Act::Change { revision: 1, settings: json!({}), differences };
        let plan = Plan { steps: vec![Step { subject, place: None, act, switch: Some(false) }] };
        let printed = |print: fn(&Plan, &References, &mut Terminal) -> anyhow::Result<()>| {
            let paper = Paper::default();
            print(&plan, &references, &mut Terminal::plain(paper.clone())).unwrap();
            paper.text()
        };
        let words = printed(in_words);
        for part in
            ["~ webhook `CRM` wh_1", "timeout_seconds: 5 → 6", "is switched off", "1 to change, 1 to switch"]
        {
            assert!(words.contains(part), "no `{part}` in\n{words}");
        }
        let json = printed(as_json);
        assert!(json.contains(r#"{"path":"url"}"#) && json.contains(r#""action":"change""#), "{json}");
        for told in [words, json] {
            assert!(!told.contains("t0k") && !told.contains("whsec_") && !told.contains("t=old"), "{told}");
        }
    }
}
