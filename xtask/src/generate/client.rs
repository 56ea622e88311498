//! `client.rs`: the typed client, made by progenitor.

use std::collections::BTreeSet;

use openapiv3::OpenAPI;
use proc_macro2::Ident;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle};
use quote::quote;
use serde_json::{Map, Value as Json, json};
use syn::{Item, ItemStruct, Type};

use super::panics;
use crate::diagnostic::{Diagnostic, Mark};
use crate::spec::Document;
use crate::spec::lower::lower;
use crate::spec::model::Model;

/// The client's code.
pub(super) fn generate(document: &Document, model: &Model) -> Result<syn::File, Vec<Diagnostic>> {
    let json = lower(document);
    attempt(&json, model).map_err(|reason| vec![blame(document, model, &json, &reason)])
}

fn attempt(json: &Json, model: &Model) -> Result<syn::File, String> {
    let openapi: OpenAPI =
        serde_json::from_value(json.clone()).map_err(|error| format!("it is not OpenAPI 3.0: {error}"))?;
    let mut settings = GenerationSettings::new();
    settings
        .with_hooks(HooksMode::Expected)
        .with_interface(InterfaceStyle::Positional)
        .with_inner_type(quote!(crate::Authorizer))
        // The order of the members of a map is the order of the bytes that are signed: the same in every run.
        .with_map_type("::std::collections::BTreeMap")
        .with_derive("PartialEq");
    for name in model.replaced() {
        settings.with_replacement(name, format!("crate::{name}"), std::iter::empty());
    }
    let tokens = panics::catch(|| Generator::new(&settings).generate_tokens(&openapi))
        .map_err(|message| format!("progenitor panics: {}", first_line(&message)))?
        .map_err(|error| format!("progenitor refuses it: {}", first_line(&error.to_string())))?;
    syn::parse2(tokens).map_err(|error| format!("progenitor makes code of it that is not Rust: {error}"))
}

/// What follows the first line is a dump of the generator's own structures.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// Finds the part of the document at which the generator fails: it does not say. Tries the schemas and then the
/// operations one by one, each with nothing but what it refers to.
fn blame(document: &Document, model: &Model, json: &Json, reason: &str) -> Diagnostic {
    let schemas = document.schemas();
    let guilty = schemas
        .iter()
        .filter_map(|schema| {
            let parts = closure(json, &format!("#/components/schemas/{}", schema.key));
            let size = parts.len();
            let reason = attempt(&reduced(json, &parts, &Map::new()), model).err()?;
            Some((size, schema, reason))
        })
        // A schema that refers to a guilty one fails too, but has more parts.
        .min_by_key(|(size, _, _)| *size);
    if let Some((_, schema, reason)) = guilty {
        let message = format!("nothing can be generated from the schema `{}`: {reason}", schema.key);
        return Diagnostic::new(schema.at, message);
    }
    for (path, item) in json["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let mut parts = BTreeSet::new();
            collect(json, operation, &mut parts);
            let mut paths = Map::new();
            paths.insert(path.clone(), json!({ method: operation }));
            let Err(reason) = attempt(&reduced(json, &parts, &paths), model) else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap_or_default();
            let at = model
                .operations
                .iter()
                .find(|operation| operation.id == id)
                .map_or(Mark::START, |found| found.at);
            return Diagnostic::new(
                at,
                format!("nothing can be generated from the operation `{id}`: {reason}"),
            );
        }
    }
    let message = format!("nothing can be generated from the document, though from each of its parts: {reason}");
    Diagnostic::new(Mark::START, message)
}

/// A component and all that it refers to, as references.
fn closure(json: &Json, reference: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::from([reference.to_owned()]);
    if let Some(target) = json.pointer(&reference[1..]) {
        collect(json, target, &mut parts);
    }
    parts
}

fn collect(json: &Json, value: &Json, parts: &mut BTreeSet<String>) {
    match value {
        Json::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Json::as_str)
                && parts.insert(reference.to_owned())
                && let Some(target) = reference.strip_prefix('#').and_then(|pointer| json.pointer(pointer))
            {
                collect(json, target, parts);
            }
            members.values().for_each(|member| collect(json, member, parts));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(json, item, parts)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The document with these paths and these components only.
fn reduced(json: &Json, parts: &BTreeSet<String>, paths: &Map<String, Json>) -> Json {
    let mut components = Map::new();
    for reference in parts {
        let Some((section, name)) = reference
            .strip_prefix("#/components/")
            .and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let section = components.entry(section).or_insert_with(|| json!({}));
        section[name] = json.pointer(&reference[1..]).cloned().unwrap_or_default();
    }
    json!({ "openapi": json["openapi"], "info": json["info"], "paths": paths, "components": components })
}

/// The types that wrap one text, such as ids.
pub(super) fn newtypes(client: &syn::File) -> Vec<&Ident> {
    let structs = types(client).iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item),
        _ => None,
    });
    structs
        .filter(|item| matches!(&item.fields, syn::Fields::Unnamed(fields) if fields.unnamed.len() == 1 && is_string(&fields.unnamed[0].ty)))
        .map(|item| &item.ident)
        .collect()
}

/// The struct with this name in the module `types`.
pub(super) fn structure<'a>(client: &'a syn::File, name: &Ident) -> Option<&'a ItemStruct> {
    types(client).iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == *name => Some(item),
        _ => None,
    })
}

/// The items of the module `types`.
fn types(client: &syn::File) -> &[Item] {
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
