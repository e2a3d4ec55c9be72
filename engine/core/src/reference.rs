//! The reference of parameters that people read, made from the catalogue and `descriptions.tsv`.

use std::{collections::HashMap, fmt::Write as _, sync::LazyLock};

use crate::catalogue::{ALL, AtCallStart, Group, Kind, Leads, Parameter, Row, WhenAbsent};

/// What a parameter is, for a marketer: in English and in Russian.
pub fn description(parameter: Parameter) -> (&'static str, &'static str) {
    static BY_NAME: LazyLock<HashMap<&str, (&str, &str)>> = LazyLock::new(|| {
        let lines = include_str!("descriptions.tsv").lines().skip(1);
        lines
            .filter_map(|line| {
                let (name, texts) = line.split_once('\t')?;
                Some((name, texts.split_once('\t')?))
            })
            .collect()
    });
    *BY_NAME.get(parameter.name()).expect("every parameter is described, which a test holds")
}

/// Groups in the order in which the reference lists them, with what people call them.
const GROUPS: &[(Group, &str, &str)] = &[
    (Group::Identity, "Lead, site and sending", "Обращение, сайт и отправка"),
    (Group::Client, "Client", "Клиент"),
    (Group::Call, "Call", "Звонок"),
    (Group::Request, "Request", "Заявка"),
    (Group::Qualification, "Qualification", "Качество обращения"),
    (Group::Work, "Work on the lead", "Работа с обращением"),
    (Group::Tags, "Tags", "Теги"),
    (Group::Traffic, "Traffic source", "Источник трафика"),
    (Group::Visit, "Visit", "Визит"),
    (Group::Device, "Device and place", "Устройство и место"),
    (Group::Callback, "Callback", "Обратный звонок"),
];

const HEAD: &str = "\
<!-- Generated from the catalogue by `cargo xtask docs`. Do not edit: change engine/core/src/catalogue.rs or \
engine/core/src/descriptions.tsv, then run it again. -->

# Parameters / Параметры

A webhook sends these parameters as a form: the body of a POST, or the query of a GET. All are sent unless the webhook
leaves some out, and each can be renamed. They go out in the order of the catalogue, the lists `add_url_params`,
`comment` and `text` last. A list is sent as `comment[0][party]=…&comment[0][comment]=…`, tags are joined with commas.

Вебхук передает эти параметры как форму: в теле POST или в строке запроса GET. По умолчанию передаются все; любой можно
отключить или переименовать. Списки `add_url_params`, `comment` и `text` идут последними. Список передается как
`comment[0][party]=…&comment[0][comment]=…`, теги перечисляются через запятую.
";

/// `docs/parameters.md`, whole.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for (group, title_en, title_ru) in GROUPS {
        let parameters: Vec<_> = ALL.iter().filter(|parameter| parameter.row().group == *group).collect();
        write!(page, "\n## {title_en} / {title_ru}\n").expect("text can always be written to");
        for parameter in parameters {
            page.push_str(&section(*parameter));
        }
    }
    page
}

fn section(parameter: Parameter) -> String {
    let row = parameter.row();
    let (english, russian) = description(parameter);
    let start = at_call_start(row).map(|words| format!(" · {words}")).unwrap_or_default();
    format!(
        "\n### `{}`\n\n**{} / {}** · {} · {}{start} · {}\n\n{english}\n\n{russian}\n",
        row.name,
        row.label_en,
        row.label_ru,
        leads(row.leads),
        form(row),
        when_absent(row.when_absent),
    )
}

fn leads(leads: Leads) -> &'static str {
    match leads {
        Leads::Calls => "calls",
        Leads::Requests => "requests",
        Leads::Both => "calls and requests",
    }
}

fn form(row: &Row) -> String {
    match row.kind {
        Kind::Enum | Kind::Bool => format!("`{}`", row.values.replace('|', "` or `")),
        Kind::Int if row.values.contains('|') => format!("`{}`", row.values.replace('|', "` or `")),
        Kind::Int => format!("a whole number, {}", row.values.replace("..", " to ")),
        Kind::LocalDateTime => format!("`{}` in the site's time zone", row.values),
        Kind::List => format!("a list of `{}`", row.values.replace(',', "` and `")),
        Kind::Phone => format!("digits, such as `{}`", row.values),
        Kind::Text if !row.values.is_empty() => row.values.to_owned(),
        Kind::Text | Kind::Utm => "text".to_owned(),
        Kind::Names => "names, separated by commas".to_owned(),
        Kind::Seconds => "seconds".to_owned(),
        Kind::UnixSeconds => "Unix time in seconds".to_owned(),
        Kind::Tags => "tags, separated by commas".to_owned(),
        Kind::JsonObject => "a JSON object".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::Ip => "IP address".to_owned(),
    }
}

/// What is particular about it at the call's start.
fn at_call_start(row: &Row) -> Option<&'static str> {
    match row.at_call_start {
        AtCallStart::Sent | AtCallStart::NotApplicable => None,
        AtCallStart::Omitted => Some("not sent at the call's start"),
        AtCallStart::Undefined => Some("`undefined` at the call's start"),
        AtCallStart::BySite => Some("sent at the call's start only if the site says so"),
    }
}

fn when_absent(rule: WhenAbsent) -> &'static str {
    match rule {
        WhenAbsent::Never => "always known",
        WhenAbsent::Null => "`null` when there is none",
        WhenAbsent::Empty => "empty when not known",
        WhenAbsent::Undefined => "`undefined` when not known",
        WhenAbsent::Unspecified => "`<не указано>` when not known",
        WhenAbsent::Zero => "`0` when there is none",
        WhenAbsent::Omitted => "not sent when there is none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> String {
        std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// The words of the published table for the words of the catalogue.
    fn published(row: &Row) -> [String; 9] {
        let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let leads = match row.leads {
            Leads::Calls => "call",
            Leads::Requests => "request",
            Leads::Both => "call,request",
        };
        let start = match row.at_call_start {
            AtCallStart::BySite => "by-site".to_owned(),
            AtCallStart::NotApplicable => "n/a".to_owned(),
            other => word(serde_json::to_value(other).unwrap()),
        };
        let kind = match row.kind {
            Kind::LocalDateTime => "local-datetime".to_owned(),
            other => word(serde_json::to_value(other).unwrap()),
        };
        let absent = match row.when_absent {
            WhenAbsent::Zero => "0".to_owned(),
            other => word(serde_json::to_value(other).unwrap()),
        };
        let group = word(serde_json::to_value(row.group).unwrap());
        let owned = [row.name, &group, leads, &start, &kind, row.values, &absent, row.label_en, row.label_ru];
        owned.map(str::to_owned)
    }

    #[test]
    fn the_catalogue_is_the_published_table_row_by_row() {
        let table = file("tests/data/parameters.tsv");
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
        assert_eq!((rows.len(), ALL.len()), (74, 74));
        for (row, parameter) in rows.iter().zip(ALL) {
            assert_eq!(row.as_slice(), published(parameter.row()));
        }
    }

    #[test]
    fn every_parameter_is_described_in_both_languages_and_nothing_else_is() {
        let names: Vec<_> = include_str!("descriptions.tsv").lines().skip(1).collect();
        assert_eq!(names.len(), ALL.len());
        for parameter in ALL {
            let (english, russian) = description(*parameter);
            assert!(english.len() > 20 && english.ends_with('.'), "{}: {english}", parameter.name());
            let cyrillic = russian.chars().filter(|c| ('а'..='я').contains(c)).count();
            assert!(cyrillic > 15 && russian.ends_with('.'), "{}: {russian}", parameter.name());
        }
    }

    #[test]
    fn every_group_of_the_catalogue_is_listed() {
        for parameter in ALL {
            assert!(GROUPS.iter().any(|(group, ..)| *group == parameter.row().group), "{}", parameter.name());
        }
    }

    #[test]
    fn the_written_reference_is_what_the_catalogue_says() {
        assert!(
            file("docs/parameters.md") == markdown(),
            "docs/parameters.md is stale: run `cargo xtask docs`"
        );
    }
}
