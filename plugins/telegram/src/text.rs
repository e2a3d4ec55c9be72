//! The text, no longer than Telegram takes.

use std::borrow::Cow;

use leadhook_plugin::{prelude::*, template};

use crate::{Markup, Settings};

/// The longest text. The documentation counts characters; clients count UTF-16 units, which is never less.
const UNITS_MAX: usize = 4096;

/// The template filled. Where that is too long its values are cut, each to its share: markup stays whole.
pub(crate) fn filled(settings: &Settings, lead: &Lead) -> Result<String, Failure> {
    let escape = |value: &str| escaped(settings.markup, value);
    let whole = template::fill_escaped(&settings.text, lead, |value| escape(value).into())?;
    if units(&whole) <= UNITS_MAX {
        return Ok(whole);
    }
    let places = settings.text.matches('{').count().max(1);
    let share = UNITS_MAX.saturating_sub(units(&settings.text)) / places;
    let cut = template::fill_escaped(&settings.text, lead, |value| {
        let cut = cut(value, share);
        escape(&cut).into()
    })?;
    Ok(cut)
}

fn escaped(markup: Markup, value: &str) -> String {
    match markup {
        Markup::None => value.to_owned(),
        Markup::Html => value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// At most so many units, the last of them an ellipsis where something was cut.
fn cut(value: &str, units_max: usize) -> Cow<'_, str> {
    if units(value) <= units_max {
        return Cow::Borrowed(value);
    }
    let mut units = 1;
    let kept = value.chars().take_while(|c| {
        units += c.len_utf16();
        units <= units_max
    });
    let mut kept: String = kept.collect();
    kept.push('…');
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(template: &str, markup: &str, manager: &str) -> String {
        let settings = json!({"chat_id": 1, "text": template, "markup": markup});
        let parameters = json!({"callerphone": "7", "manager": manager});
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": parameters, "visits": []});
        filled(&serde_json::from_value(settings).unwrap(), &Lead::from(lead)).unwrap()
    }

    #[test]
    fn values_are_escaped_where_there_is_markup() {
        assert_eq!(text("<b>{manager}</b>", "html", "<a&b>"), "<b>&lt;a&amp;b&gt;</b>");
        assert_eq!(text("<b>{manager}</b>", "none", "<a&b>"), "<b><a&b></b>");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_in_its_values() {
        let cut = text("<b>{manager}</b> {callerphone}", "html", &"я😀&".repeat(3_000));
        assert!(cut.starts_with("<b>я😀&amp;я") && cut.ends_with("…</b> 7"), "{cut}");
        let parsed = cut.replace("&amp;", "&");
        assert!((1_900..=UNITS_MAX).contains(&units(&parsed)), "{}", units(&parsed));
        assert_eq!(text("{manager}", "none", &"я".repeat(UNITS_MAX)).chars().count(), UNITS_MAX);
    }
}
