//! `leadhook plugin replay`: a stored delivery rendered again as it was then, and compared.

use std::process::ExitCode;

use hyper::Method;
use serde_json::Value;

use crate::cli::{
    access::{Access, json_line, segment},
    block_on,
    client::Client,
    terminal::{Style, Terminal, shorten, tame},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin replay --delivery dlv_0000…

The engine renders it from what it was made from: the settings, the site, the lead and the plugin versions of then,
the time that plugins were told, the state that they read. Nothing is sent.
Exit code: 0 when every request came out the same, byte for byte; 1 when not, with what differs.";

/// What is rendered again.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The delivery's id, which handlers get as `webhook-id`
    #[arg(long, value_name = "ID")]
    delivery: String,
    #[command(flatten)]
    access: Access,
}

/// Asks the engine, and tells of each rendering whether it came out the same.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let path = format!("/v1/deliveries/{}/replay", segment(&options.delivery));
        let answer = Client::new(&options.access)?.call(Method::POST, &path).await?;
        print(&answer, options.access.json, terminal)
    })
}

/// Tells how a replay came out; the exit code is whether it is the same.
pub(in crate::cli) fn print(
    answer: &Value,
    is_json: bool,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    match is_json {
        true => json_line(answer, terminal).map(drop)?,
        false => tell(answer, terminal)?,
    }
    Ok(if answer["same"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(answer: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    let renderings = answer["renderings"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (number, rendering) in (1..).zip(renderings) {
        let of = |field: &str| rendering[field].as_str().map(tame);
        let verdict = match (rendering["same"] == true, of("impossible"), of("withheld")) {
            (true, ..) => terminal.paint(Style::Green, "the same, byte for byte"),
            (_, Some(why), _) => terminal.paint(Style::Red, format!("cannot be rendered again: {why}")),
            (_, _, Some(why)) => terminal.paint(Style::Red, format!("kept back this time: {why}")),
            _ => terminal.paint(Style::Red, "not the same"),
        };
        let at = of("at").unwrap_or_default();
        terminal.line(format!("request {number} of {}, made {at}: {verdict}", renderings.len()))?;
        for difference in rendering["differences"].as_array().into_iter().flatten() {
            let value = |field: &str| match difference[field].as_str() {
                Some(text) => format!("\"{}\"", tame(text)),
                None => "nothing".to_owned(),
            };
            let place = tame(difference["place"].as_str().unwrap_or_default());
            terminal.line(format!("  {place}: {} → {}", value("then"), value("again")))?;
        }
        for run in rendering["plugins"].as_array().into_iter().flatten() {
            let of = |field: &str| tame(run[field].as_str().unwrap_or_default());
            let version = of("sha256");
            let ran =
                format!("  {}  {}  {} {}", of("plugin"), shorten(&version, 16), of("step"), of("decided"));
            terminal.line(terminal.paint(Style::Dim, ran))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::terminal::Paper;

    fn told(renderings: &Value) -> String {
        let paper = Paper::default();
        tell(&json!({ "renderings": renderings }), &mut Terminal::plain(paper.clone())).unwrap();
        paper.text()
    }

    #[test]
    fn what_differs_is_told_in_plain_words() {
        let run = json!({ "plugin": "a", "sha256": "3f2a", "step": "transform", "decided": "sent" });
        let difference = json!({ "place": "parameter phone", "then": "+7\n", "again": null });
        let text = told(&json!([
            { "at": "T", "same": true, "differences": [], "plugins": [run] },
            { "at": "T", "same": false, "differences": [difference], "plugins": [] },
            { "at": "T", "same": false, "differences": [], "impossible": "gone", "plugins": [] },
            { "at": "T", "same": false, "differences": [], "withheld": "it failed", "plugins": [] },
        ]));
        let expected = "request 1 of 4, made T: the same, byte for byte\n  a  3f2a  transform sent\n\
                        request 2 of 4, made T: not the same\n  parameter phone: \"+7\\n\" → nothing\n\
                        request 3 of 4, made T: cannot be rendered again: gone\n\
                        request 4 of 4, made T: kept back this time: it failed\n";
        assert_eq!(text, expected);
    }
}
