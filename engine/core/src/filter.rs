//! Decides whether a webhook takes a lead, and says in words why it does not.

use crate::{
    catalogue::Parameter,
    event::Trigger,
    fact::shorten,
    id::SiteId,
    lead::LeadKind,
    webhook::{Condition, LeadClass, Settings, Test},
};

/// The most names that a reason spells out.
const NAMES_SHOWN_MAX: usize = 5;

/// What the filters look at: one webhook's settings and one lead as it would be sent.
#[derive(Clone)]
pub struct Filtered<'a> {
    /// The webhook's settings.
    pub settings: &'a Settings,
    /// What the delivery is owed for.
    pub trigger: Trigger,
    /// The lead's site.
    pub site: &'a SiteId,
    /// A call or a request.
    pub kind: LeadKind,
    /// Whether the lead is unique, as it would be sent.
    pub unique: bool,
    /// Whether it is a target lead, as it would be sent; `false` while that is not known.
    pub target: bool,
    /// Whether it is its client's first target lead, as it would be sent; `false` while that is not known.
    pub unique_target: bool,
    /// The tags of all its tag parameters.
    pub tags: Vec<&'a str>,
    /// The value of a traffic parameter as it would be sent, selected or not (`<не указано>` included).
    pub traffic_value: &'a dyn Fn(Parameter) -> String,
}

/// `None` when the webhook takes the lead, else the reason for the record, in words for a marketer. The
/// filters are asked from the coarsest to the finest and the first that refuses answers. For `call_started`
/// neither tags nor `target` and `unique_target` are asked: those facts do not exist yet (rule 1).
///
/// A reason may quote values of the lead, its URLs among them (cut to 64 characters): it is personal data.
pub fn verdict(filtered: &Filtered<'_>) -> Option<String> {
    site(filtered).or_else(|| class(filtered)).or_else(|| tags(filtered)).or_else(|| traffic(filtered))
}

/// Lower case of any script, character by character, so that a part of a text becomes the same as in the whole.
pub fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn site(filtered: &Filtered<'_>) -> Option<String> {
    let sites = filtered.settings.sites.as_ref().filter(|sites| !sites.contains(filtered.site))?;
    let taken = listed(sites.iter().map(SiteId::as_str), ", ");
    Some(format!("the lead is of site {}, and the webhook takes only: {taken}", filtered.site))
}

fn class(filtered: &Filtered<'_>) -> Option<String> {
    let (class, kind, plural) = match filtered.kind {
        LeadKind::Call => (filtered.settings.calls, "call", "calls"),
        LeadKind::Request => (filtered.settings.requests, "request", "requests"),
    };
    let is_known = filtered.trigger != Trigger::CallStarted;
    match class {
        LeadClass::None => Some(format!("the webhook takes no {plural}")),
        LeadClass::Unique if !filtered.unique => {
            Some(format!("the {kind} is not unique, and the webhook takes only unique {plural}"))
        }
        LeadClass::Target if is_known && !filtered.target => {
            Some(format!("the {kind} is not a target {kind}, and the webhook takes only target {plural}"))
        }
        LeadClass::UniqueTarget if is_known && !filtered.unique_target => Some(format!(
            "the {kind} is not its client's first target {kind}, and the webhook takes only those"
        )),
        _ => None,
    }
}

fn tags(filtered: &Filtered<'_>) -> Option<String> {
    let wanted = &filtered.settings.tags;
    if wanted.is_empty() || filtered.trigger == Trigger::CallStarted {
        return None;
    }
    let plain = |tag: &str| lower_case(tag.trim());
    let present: Vec<_> = filtered.tags.iter().map(|tag| plain(tag)).collect();
    if wanted.iter().any(|tag| present.contains(&plain(tag))) {
        return None;
    }
    let wanted = quoted(wanted.iter().map(String::as_str), ", ");
    Some(match filtered.tags.is_empty() {
        true => format!("the lead has none of the tags {wanted}; it has no tags"),
        false => format!(
            "the lead has none of the tags {wanted}; its tags are: {}",
            quoted(filtered.tags.iter().copied(), ", ")
        ),
    })
}

fn traffic(filtered: &Filtered<'_>) -> Option<String> {
    let rules = &filtered.settings.traffic;
    let failed = |rule: &Vec<Condition>| -> Vec<String> {
        rule.iter().filter_map(|condition| shortfall(condition, filtered.traffic_value)).collect()
    };
    let failures: Vec<_> = rules.iter().map(failed).collect();
    if failures.iter().any(Vec::is_empty) {
        return None;
    }
    let (index, closest) = failures.iter().enumerate().min_by_key(|(_, failed)| failed.len())?;
    let but = closest.join(", and ");
    Some(match rules.len() {
        1 => format!("the lead's traffic does not fit: {but}"),
        count => format!(
            "the lead's traffic fits none of the {count} rules; closest is rule {}, but {but}",
            index + 1
        ),
    })
}

/// `None` when the condition holds, else what the value is and what it should be.
fn shortfall(condition: &Condition, value_of: &dyn Fn(Parameter) -> String) -> Option<String> {
    let value = value_of(condition.parameter);
    let lower = lower_case(&value);
    let wanted = match &condition.test {
        Test::Is(words) if !words.contains(&lower) => format!("not {}", any_of(words)),
        Test::IsNot(words) if words.contains(&lower) => "which is excluded".to_owned(),
        Test::Contains(words) if !words.iter().any(|word| lower.contains(word)) => {
            format!("without {}", any_of(words))
        }
        Test::ContainsNot(words) => {
            let unwanted = words.iter().find(|word| lower.contains(*word))?;
            format!("with «{}», which is excluded", shorten(unwanted))
        }
        Test::StartsWith(words) if !words.iter().any(|word| lower.starts_with(word)) => {
            format!("not beginning with {}", any_of(words))
        }
        Test::Matches(expressions) if !expressions.iter().any(|one| one.is_match(&value)) => {
            format!("not matching {}", quoted(expressions.iter().map(regex::Regex::as_str), " or "))
        }
        _ => return None,
    };
    Some(format!("{} is «{}», {wanted}", condition.parameter.name(), shorten(&value)))
}

fn any_of(words: &[String]) -> String {
    quoted(words.iter().map(String::as_str), " or ")
}

fn quoted<'a>(words: impl ExactSizeIterator<Item = &'a str>, separator: &str) -> String {
    shown(words, separator, |word| format!("«{}»", shorten(word)))
}

fn listed<'a>(words: impl ExactSizeIterator<Item = &'a str>, separator: &str) -> String {
    shown(words, separator, shorten)
}

/// The first few of many words, and how many more there are.
fn shown<'a>(
    words: impl ExactSizeIterator<Item = &'a str>,
    separator: &str,
    show: impl Fn(&str) -> String,
) -> String {
    let more = words.len().saturating_sub(NAMES_SHOWN_MAX);
    let mut text = words.take(NAMES_SHOWN_MAX).map(show).collect::<Vec<_>>().join(separator);
    if more > 0 {
        text.push_str(&format!("{separator}{more} more"));
    }
    text
}

#[cfg(test)]
mod tests;
