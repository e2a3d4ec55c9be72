//! What can be held about a file by reading it as Rust.

use syn::{
    Block, ItemEnum, ItemFn, ItemStruct, ItemTrait, ItemType, Signature, TraitItemFn,
    visit::{self, Visit},
};

use super::text::EMPTY_WORDS;

const LINES_MAX: usize = 70;

/// Functions that are too long, from `fn` to the closing brace.
pub(crate) fn long_functions(text: &str) -> Vec<String> {
    let mut functions = Functions::default();
    match syn::parse_file(text) {
        Ok(file) => functions.visit_file(&file),
        Err(error) => functions.too_long.push(format!("is not read as Rust: {error}")),
    }
    functions.too_long
}

/// Types and functions whose names say nothing.
pub(crate) fn empty_names(text: &str) -> Vec<String> {
    let mut names = Names::default();
    if let Ok(file) = syn::parse_file(text) {
        names.visit_file(&file);
    }
    names.empty
}

#[derive(Default)]
struct Functions {
    too_long: Vec<String>,
}

impl Functions {
    fn measure(&mut self, signature: &Signature, block: &Block) {
        let first = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - first;
        if lines >= LINES_MAX {
            let name = &signature.ident;
            self.too_long.push(format!("{first}: `{name}` has {lines} lines; under {LINES_MAX} are allowed"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[derive(Default)]
struct Names {
    empty: Vec<String>,
}

impl Names {
    /// A type's name is read word by word: `LeadInfo` is `Lead` and `Info`.
    fn check_type(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        let starts: Vec<_> =
            text.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(at, _)| at).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let mut words = starts.iter().zip(ends).map(|(from, to)| text[*from..to].to_lowercase());
        if words.any(|word| EMPTY_WORDS.contains(&word.as_str())) {
            self.empty
                .push(format!("{}: `{name}` is named by a word that says nothing", name.span().start().line));
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        let name = signature.ident.to_string();
        if name.starts_with("handle_") || name.ends_with("_inner") {
            let line = signature.fn_token.span.start().line;
            self.empty.push(format!("{line}: `{name}` does not say what it does"));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.check_type(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.check_type(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.check_type(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.check_type(&item.ident);
        visit::visit_item_type(self, item);
    }
}
