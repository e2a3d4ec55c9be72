//! Lists of an engine: every page up to a limit, as a table or as one JSON object a line.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    access::{Access, Rows, with_query},
    client::Client,
    table::Table,
    terminal::{Terminal, complain},
};

/// What is listed.
pub(super) struct Listing<'a> {
    /// The call's path.
    pub(super) path: &'a str,
    /// What it is asked for, besides the page.
    pub(super) query: &'a [(&'a str, Option<&'a str>)],
    /// The field of its answers that holds the rows.
    pub(super) field: &'a str,
    /// What to say where there are none.
    pub(super) none: &'a str,
}

impl Listing<'_> {
    /// Asks for the rows and prints them, a table's row made of each by `row`.
    pub(super) async fn print(
        &self,
        client: &Client,
        access: &Access,
        rows: &Rows,
        mut table: Table,
        row: impl Fn(&mut Table, &Value),
        terminal: &mut Terminal,
    ) -> anyhow::Result<ExitCode> {
        let (found, has_more) = self.rows(client, rows).await?;
        if access.json {
            found.iter().try_for_each(|one| terminal.line(one))?;
        } else {
            found.iter().for_each(|one| row(&mut table, one));
            table.print(terminal)?;
        }
        if found.is_empty() && !access.json {
            complain(self.none);
        }
        if has_more {
            complain("there are more; --limit N lists them");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The rows, page by page, and whether there are more than wanted.
    pub(super) async fn rows(&self, client: &Client, rows: &Rows) -> anyhow::Result<(Vec<Value>, bool)> {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        while let Some(limit) = rows.next(found.len()) {
            let limit = limit.to_string();
            let mut query = self.query.to_vec();
            query.extend([("limit", Some(limit.as_str())), ("cursor", cursor.as_deref())]);
            let mut page = client.get(&with_query(self.path, &query)).await?;
            if let Some(Value::Array(more)) = page.get_mut(self.field).map(Value::take) {
                found.extend(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                _ => return Ok((found, false)),
            }
        }
        Ok((found, true))
    }
}
