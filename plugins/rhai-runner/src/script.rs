//! A script that has been read: its syntax tree and what it is.

use rhai::{AST, ASTNode, Engine, Expr, OptimizationLevel, Position};

use crate::{
    bindings::exports::leadhook::script::parser::{Fault, Found},
    faults, lead,
};

/// The longest text of a script, in bytes.
const SOURCE_BYTES_MAX: usize = 256 * 1_024;

/// The functions that make a script a filter, a transform or a receipt, and what each is given.
const HOOKS: [(&str, &str, usize); 3] =
    [("filter", "(lead)", 1), ("transform", "(lead, request)", 2), ("receipt", "(lead, response)", 2)];

/// A script that has been read. The tree is never changed by a run.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) source: String,
    pub(crate) tree: AST,
    pub(crate) found: Found,
    /// Whether `fn transform` is the transform; else the statements outside of functions are.
    pub(crate) has_fn_transform: bool,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn read(engine: &Engine, source: &str) -> Result<Script, Fault> {
        if source.len() > SOURCE_BYTES_MAX {
            let words = format!("the script has {} bytes; at most {SOURCE_BYTES_MAX} are read", source.len());
            return Err(faults::at(Position::NONE, words));
        }
        let tree = engine.compile(source).map_err(|error| faults::fault(&error))?;
        let [filter, transform, receipt] = HOOKS.map(|(name, given, count)| hook(&tree, name, given, count));
        let (filter, has_fn_transform, receipt) = (filter?, transform?, receipt?);
        let statement = tree.statements().first();
        if let (true, Some(statement)) = (has_fn_transform, statement) {
            let words = "with `fn transform`, statements outside of functions would never run: \
                         move them into it";
            return Err(faults::at(statement.position(), words.to_owned()));
        }
        let found = Found { filter, transform: has_fn_transform || statement.is_some(), receipt };
        if !(found.filter || found.transform || found.receipt) {
            let words = "nothing to run: the script has no statements that do anything, and no \
                         `fn filter(lead)`, `fn transform(lead, request)` or `fn receipt(lead, response)`";
            return Err(faults::at(Position::NONE, words.to_owned()));
        }
        Ok(Script { source: source.to_owned(), tree, found, has_fn_transform })
    }
}

/// The names of a lead that a script reads as properties.
pub(crate) fn names_read(tree: &AST) -> Vec<&'static str> {
    let mut names = Vec::new();
    tree.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Property(property, _))) = path.last()
            && let Some(name) = lead::known(&property.2)
            && !names.contains(&name)
        {
            names.push(name);
        }
        true
    });
    names
}

/// Whether the script has this hook.
fn hook(tree: &AST, name: &str, given: &str, count: usize) -> Result<bool, Fault> {
    let mut all = tree.iter_fn_def().filter(|function| function.name == name);
    let Some(function) = all.next() else { return Ok(false) };
    match all.next().or((function.params.len() != count).then_some(function)) {
        None => Ok(true),
        Some(wrong) => Err(faults::at(
            wrong.body.start_position(),
            format!("write it `fn {name}{given}`, and only once"),
        )),
    }
}

/// Folds constants only: a script is never run, not even in part, while it is read.
pub(crate) const OPTIMIZATION: OptimizationLevel = OptimizationLevel::Simple;
