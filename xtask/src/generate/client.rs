//! `client.rs`: the typed client, made by progenitor.

use std::panic::{AssertUnwindSafe, catch_unwind};

use openapiv3::OpenAPI;
use proc_macro2::Ident;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle};
use quote::quote;
use serde_json::Value as Json;
use syn::{Item, Type};

use crate::diagnostic::{Diagnostic, Mark};
use crate::spec::Document;
use crate::spec::lower::lower;
use crate::spec::model::Model;

/// The client's code.
pub fn generate(document: &Document, model: &Model) -> Result<syn::File, Vec<Diagnostic>> {
    let json = lower(document);
    attempt(&json, model).map_err(|message| vec![Diagnostic::new(Mark::START, message)])
}

fn attempt(json: &Json, model: &Model) -> Result<syn::File, String> {
    let openapi: OpenAPI = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
    let mut settings = GenerationSettings::new();
    settings
        .with_hooks(HooksMode::Expected)
        .with_interface(InterfaceStyle::Positional)
        .with_inner_type(quote!(crate::Authorizer));
    for list in &model.lists {
        settings.with_replacement(&list.name, format!("crate::{}", list.name), std::iter::empty());
    }
    let generated = catch_unwind(AssertUnwindSafe(|| Generator::new(&settings).generate_tokens(&openapi)));
    let tokens = match generated {
        Ok(tokens) => tokens.map_err(|error| error.to_string())?,
        Err(_) => return Err("panic".to_owned()),
    };
    syn::parse2(tokens).map_err(|error| error.to_string())
}

/// The types that wrap one text, such as ids.
pub fn newtypes(client: &syn::File) -> Vec<&Ident> {
    let structs = types(client).iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item),
        _ => None,
    });
    structs
        .filter(|item| matches!(&item.fields, syn::Fields::Unnamed(fields) if fields.unnamed.len() == 1 && is_string(&fields.unnamed[0].ty)))
        .map(|item| &item.ident)
        .collect()
}

/// The items of the module `types`.
pub fn types(client: &syn::File) -> &[Item] {
    client
        .items
        .iter()
        .find_map(|item| match item {
            Item::Mod(module) if module.ident == "types" => module.content.as_ref(),
            _ => None,
        })
        .map(|(_, items)| items.as_slice())
        .unwrap_or_default()
}

fn is_string(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "String"))
}
