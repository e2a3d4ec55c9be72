//! `leadhook preview`: the request that settings make of a lead, rendered here and sent nowhere.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use leadhook_core::{
    address::{AddressPolicy, check_url},
    delivery::Method,
    event::Trigger,
    fault::Faults,
    id::{AccountId, DeliveryId, Lane, SiteId, WebhookId},
    lead::{Lead, LeadKind},
    parameter::{
        Keys, RecordingLinks,
        recording::{LINK_DAYS_DEFAULT, LinkKeyId},
    },
    preview::{Preview, Shown, Verdict, preview, sample_lead},
    rehearse::Rehearsed,
    render::Scene,
    settings::Known,
    site::Site,
    time::{Serial, Timestamp},
    webhook::{LeadClass, Settings},
};
use leadhook_runtime::clock::{Clock as _, SystemClock};
use serde_json::Value;

use super::{
    files::{events_in, value_in},
    rehearsal::rehearse,
    tell,
    terminal::{Style, Terminal, complain, pad, shorten, tame},
};

/// The most characters of a value that the table shows; the body has it whole.
const VALUE_CHARACTERS_MAX: usize = 60;

/// What is rendered.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A webhook's settings, as POST /v1/webhooks takes them
    settings: PathBuf,
    /// The events of a lead; without them, a sample lead
    lead: Option<PathBuf>,
    /// The site's settings, with its `id`; without them, the lead's site with the usual settings
    #[arg(long, value_name = "SITE.json")]
    site: Option<PathBuf>,
    /// The trigger to render for; unless given, the last that the events fire
    #[arg(long, value_name = "TRIGGER", value_parser = read_trigger)]
    trigger: Option<Trigger>,
    /// Where the engine would be reached from outside; with it recordings are linked
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn read_trigger(word: &str) -> Result<Trigger, String> {
    Trigger::by_word(word).ok_or_else(|| {
        let words: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.word()).collect();
        format!("the triggers are {}", words.join(", "))
    })
}

/// Renders and prints; fails when the settings or the lead cannot be used.
pub(crate) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let Some(previewed) = previewed(options, SystemClock.now())? else { return Ok(ExitCode::FAILURE) };
    if options.json {
        terminal.line(serde_json::to_string_pretty(&previewed)?)?;
    } else {
        print(&previewed, terminal)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The preview; `None` when something given cannot be used, which has been told then.
fn previewed(options: &Options, now: Timestamp) -> anyhow::Result<Option<Preview>> {
    let settings = match read_settings(&value_in(&options.settings)?) {
        Ok(settings) => settings,
        Err(faults) => return told(&options.settings, &faults),
    };
    let events = options.lead.as_deref().map(events_in).transpose()?;
    let site = match &options.site {
        Some(file) => match read_site(&value_in(file)?) {
            Ok(site) => site,
            Err(faults) => return told(file, &faults),
        },
        None => site_of(events.as_deref().unwrap_or_default(), &settings),
    };
    let (lead, fired) = match (&options.lead, &events) {
        (Some(file), Some(events)) => match rehearse(events, &site, now) {
            Ok(Rehearsed { lead, trigger }) => (lead, trigger),
            Err(faults) => return told(file, &faults),
        },
        _ => (sample_lead(sample_kind(options.trigger, &settings), &site.id, now), None),
    };
    let trigger = options.trigger.or(fired).unwrap_or(match lead.reference.kind {
        LeadKind::Call => Trigger::CallEnded,
        LeadKind::Request => Trigger::RequestCreated,
    });
    if !trigger.exists_for(lead.reference.kind) {
        anyhow::bail!("a {} cannot fire {trigger}", lead.reference.kind);
    }
    Ok(Some(render(&settings, &lead, &site, trigger, options.public_url.as_deref(), now)))
}

fn told<T>(file: &Path, faults: &Faults) -> anyhow::Result<Option<T>> {
    complain(format!("{} cannot be used:", file.display()));
    tell(faults);
    Ok(None)
}

/// Reads settings as the engine would, but for what only an engine can know: the addresses that its operator
/// allows, and the plugins that it has.
fn read_settings(value: &Value) -> Result<Settings, Faults> {
    let everywhere = ["0.0.0.0/0", "::/0"].map(|block| block.parse().expect("a block of all addresses"));
    Settings::parse(value, &Known { addresses: &AddressPolicy::new(everywhere.to_vec()), account: None })
}

fn read_site(value: &Value) -> Result<Site, Faults> {
    let id = value["id"].as_str().and_then(SiteId::new);
    Site::parse(id.unwrap_or_else(some_site), 1, value)
}

/// The site that the first event names, else the first that the webhook takes, else any.
fn site_of(events: &[Value], settings: &Settings) -> Site {
    let named = events.first().and_then(|event| match &event["site"] {
        Value::Number(number) => SiteId::new(&number.to_string()),
        other => SiteId::new(other.as_str()?),
    });
    let taken = || settings.sites.as_ref().and_then(|sites| sites.first().cloned());
    Site::new(named.or_else(taken).unwrap_or_else(some_site))
}

/// Where nothing names a site.
fn some_site() -> SiteId {
    SiteId::new("60001").expect("digits are an id")
}

/// A request where only that can be meant.
fn sample_kind(trigger: Option<Trigger>, settings: &Settings) -> LeadKind {
    match trigger {
        Some(trigger) if !trigger.exists_for(LeadKind::Call) => LeadKind::Request,
        None if settings.calls == LeadClass::None => LeadKind::Request,
        _ => LeadKind::Call,
    }
}

fn render(
    settings: &Settings,
    lead: &Lead,
    site: &Site,
    trigger: Trigger,
    public_url: Option<&str>,
    now: Timestamp,
) -> Preview {
    let recording = public_url.map(|url| RecordingLinks {
        base_url: url.trim_end_matches('/').to_owned(),
        key: LinkKeyId { account: AccountId::DEFAULT, number: 1 },
        secret: [0; 32],
        expires_days: LINK_DAYS_DEFAULT,
    });
    let keys = Keys { client_id_key: [0; 32], recording };
    let lane = Lane { webhook: WebhookId(0), lead: lead.serial };
    let scene = Scene {
        delivery: DeliveryId { lane, serial: Serial::at(now) },
        trigger,
        lead,
        site,
        settings,
        revision: 1,
        previous: None,
        lane_goes_on: false,
        keys: &keys,
        now,
    };
    let mut previewed = preview(&scene);
    previewed.warnings.extend(warnings(settings));
    previewed
}

/// What will be otherwise in an engine.
fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Err(fault) = check_url(&settings.url, &AddressPolicy::default()) {
        warnings.push(format!("{fault} (serve --allow-destination)"));
    }
    if !settings.transform.is_empty() {
        warnings
            .push("plugins and scripts are not run here; POST /v1/preview of an engine runs them".to_owned());
    }
    warnings
        .push("keys are an engine's own: there ctCallerId and recording links have other values".to_owned());
    warnings
}

fn print(previewed: &Preview, terminal: &mut Terminal) -> io::Result<()> {
    let verdict = match &previewed.verdict {
        Verdict::Send => terminal.paint(Style::Green, "would be sent"),
        Verdict::Skip { reason } => {
            terminal.paint(Style::Yellow, format!("would be skipped: {}", tame(reason)))
        }
    };
    terminal.line(verdict)?;
    terminal.gap()?;
    let request = format!("{} {}", previewed.method, tame(&previewed.url));
    terminal.line(terminal.paint(Style::Bold, request))?;
    for (name, value) in &previewed.headers {
        terminal.line(format!("{name}: {}", tame(value)))?;
    }
    if previewed.method == Method::Post {
        terminal.gap()?;
        terminal.line(tame(&previewed.body))?;
    }
    terminal.gap()?;
    table(&previewed.parameters, terminal)?;
    terminal.gap()?;
    for warning in &previewed.warnings {
        terminal.line(terminal.paint(Style::Yellow, format!("note: {}", tame(warning))))?;
    }
    Ok(())
}

fn table(parameters: &[Shown], terminal: &mut Terminal) -> io::Result<()> {
    let head = ["parameter", "sent as", "value", "origin"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(parameters.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (index, [name, sent_as, value, origin]) in rows.iter().enumerate() {
        let [name, sent_as, value] = [pad(name, widths[0]), pad(sent_as, widths[1]), pad(value, widths[2])];
        let line = format!("{name}  {sent_as}  {value}  {origin}");
        let is_sent =
            index.checked_sub(1).and_then(|index| parameters.get(index)).is_some_and(|shown| shown.sent);
        let style = match (index, is_sent) {
            (0, _) => Some(Style::Bold),
            (_, false) => Some(Style::Dim),
            (_, true) => None,
        };
        let line = line.trim_end();
        terminal.line(style.map_or_else(|| line.to_owned(), |style| terminal.paint(style, line)))?;
    }
    Ok(())
}

fn row(shown: &Shown) -> [String; 4] {
    let sent_as = match (&shown.sent_as, shown.sent) {
        (Some(name), true) => name.clone(),
        _ => "(not sent)".to_owned(),
    };
    let value = match &shown.value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(records) => format!("{} × {}", records.len(), records.first().unwrap_or(&Value::Null)),
        other => other.to_string(),
    };
    let note = shown.note.map(|note| format!(" ({note})")).unwrap_or_default();
    [
        shown.name.to_owned(),
        tame(&sent_as).into_owned(),
        shorten(&tame(&value), VALUE_CHARACTERS_MAX).into_owned(),
        format!("{}{note}", shown.origin),
    ]
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
