//! A plan carried out, step by step; a failed step does not keep the others from being taken.

use std::process::ExitCode;

use hyper::Method;
use serde_json::Value;

use super::{
    plan::{Act, Plan, Step, Subject, revision},
    show::subject,
};
use crate::cli::{
    access::segment,
    client::Client,
    failure::{Exit, Failure, exit_of},
    terminal::{complain, count},
    webhook::switch_on,
};

/// Takes every step; the exit code is that of the first that failed.
pub(super) async fn carry_out(plan: &Plan, client: &Client, force: bool) -> anyhow::Result<ExitCode> {
    let (mut done, mut failed) = (0, None);
    for step in plan.steps.iter().filter(|step| step.is_change()) {
        match take(step, client, force).await {
            Ok(()) => done += 1,
            // Nothing more goes well without the engine, or the right to ask it.
            Err(error) if matches!(exit_of(&error), Exit::NotReached | Exit::NotAllowed) => {
                return Err(error);
            }
            Err(error) => {
                complain(format!("error: {}: {error:#}", subject(step)));
                failed.get_or_insert(exit_of(&error));
            }
        }
    }
    complain(format!("{} carried out", count(done, "change")));
    Ok(failed.map_or(ExitCode::SUCCESS, ExitCode::from))
}

async fn take(step: &Step, client: &Client, force: bool) -> anyhow::Result<()> {
    match &step.subject {
        Subject::Site(id) => take_site(&step.act, &format!("/v1/sites/{}", segment(id)), client).await,
        Subject::Webhook { id, .. } => take_webhook(step, id.as_deref(), client, force).await,
    }
}

async fn take_webhook(step: &Step, id: Option<&str>, client: &Client, force: bool) -> anyhow::Result<()> {
    let path = |id: &str| format!("/v1/webhooks/{}", segment(id));
    let id = match (&step.act, id) {
        (Act::Create(settings), _) => {
            let made = client.send(Method::POST, "/v1/webhooks", settings).await?;
            made["id"].as_str().unwrap_or_default().to_owned()
        }
        (_, None) => return Ok(()),
        (Act::Change { revision, settings, .. }, Some(id)) => {
            // What is switched off is so before it is changed: it sends nothing by the new settings.
            if step.switch == Some(false) {
                client.call(Method::POST, &format!("{}/deactivate", path(id))).await?;
            }
            client.replace(&path(id), settings, *revision).await.map_err(moved)?;
            id.to_owned()
        }
        (Act::Delete { revision }, Some(id)) => {
            expect_revision(client, &path(id), *revision).await?;
            client.call(Method::DELETE, &path(id)).await?;
            return Ok(());
        }
        (Act::Unchanged | Act::Extra, Some(id)) => id.to_owned(),
    };
    match step.switch {
        Some(true) => switch_on(client, &id, force).await.map(drop),
        // A new one is off already.
        Some(false) if step.act == Act::Unchanged => {
            client.call(Method::POST, &format!("{}/deactivate", path(&id))).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn take_site(act: &Act, path: &str, client: &Client) -> anyhow::Result<()> {
    match act {
        Act::Create(settings) => {
            match client.get(path).await {
                Ok(_) => return Err(moved_words().into()),
                Err(error) if exit_of(&error) == Exit::NotFound => {}
                Err(error) => return Err(error),
            }
            client.send(Method::PUT, path, settings).await?;
        }
        Act::Change { revision, settings, .. } => {
            expect_revision(client, path, *revision).await?;
            client.send(Method::PUT, path, settings).await?;
        }
        Act::Delete { revision } => {
            expect_revision(client, path, *revision).await?;
            client.call(Method::DELETE, path).await?;
        }
        Act::Unchanged | Act::Extra => {}
    }
    Ok(())
}

/// Fails where it is no longer of the revision that the plan was made for. The engine has no condition for these calls, so
/// it is looked at just before.
async fn expect_revision(client: &Client, path: &str, expected: u64) -> anyhow::Result<()> {
    let there: Value = client.get(path).await?;
    match revision(&there) == expected {
        true => Ok(()),
        false => Err(moved_words().into()),
    }
}

/// Says what to do about a save that came too late.
fn moved(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(failure) if failure.problem["code"] == "revision_moved" => moved_words().into(),
        _ => error,
    }
}

fn moved_words() -> Failure {
    let words = "somebody changed it since the plan was made, and it stays as it is; apply again to see what differs now";
    Failure::new(Exit::Refused, words)
}
