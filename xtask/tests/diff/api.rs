//! What a program can name of the generated client: the measure for the verdicts on Rust.

use std::collections::BTreeMap;

use syn::{Fields, ImplItem, Item, Visibility};
use xtask::codegen;
use xtask::diff::Level;
use xtask::spec::Document;

/// Everything that can be named, with what a program relies on: types of members and arguments.
pub(crate) type Api = BTreeMap<String, String>;

/// The API of the client for a document; `None` if the generator refuses the document.
pub(crate) fn api(document: &Document) -> Option<Api> {
    let files = codegen::files(document).ok()?;
    let mut api = Api::new();
    for file in files.iter().filter(|file| file.name != "provenance.toml") {
        let parsed = syn::parse_file(&file.text).unwrap();
        items(&parsed.items, &mut api);
    }
    Some(api)
}

/// What a change from one to the other does to programs, as far as a compiler sees it.
pub(crate) fn level(base: &Api, head: &Api) -> Level {
    if base.iter().any(|(name, item)| head.get(name) != Some(item)) {
        Level::Breaking
    } else if head.len() > base.len() {
        Level::Minor
    } else {
        Level::None
    }
}

fn items(items: &[Item], api: &mut Api) {
    for item in items {
        match item {
            Item::Mod(module) => {
                let content = module.content.iter();
                content.for_each(|(_, content)| self::items(content, api));
            }
            Item::Struct(item) if is_public(&item.vis) => {
                let name = item.ident.to_string();
                for field in item.fields.iter().filter(|field| is_public(&field.vis)) {
                    let field_name = field.ident.as_ref().map_or("0".to_owned(), ToString::to_string);
                    api.insert(format!("{name}.{field_name}"), tokens(&field.ty));
                }
                api.insert(name, format!("struct {}", tokens(&item.generics)));
            }
            Item::Enum(item) if is_public(&item.vis) => {
                let name = item.ident.to_string();
                let mut kind = "enum".to_owned();
                if !item
                    .attrs
                    .iter()
                    .any(|attribute| attribute.path().is_ident("non_exhaustive"))
                {
                    // Any other variant breaks a `match`.
                    let variants = item.variants.iter().map(|variant| variant.ident.to_string());
                    kind.extend(variants);
                }
                for variant in &item.variants {
                    let fields = match &variant.fields {
                        Fields::Unit => String::new(),
                        fields => tokens(fields),
                    };
                    api.insert(format!("{name}::{}", variant.ident), fields);
                }
                api.insert(name, kind);
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let owner = tokens(&item.self_ty);
                for item in &item.items {
                    match item {
                        ImplItem::Fn(method) if is_public(&method.vis) => {
                            // Of the client's methods, which gain an argument with every parameter, nothing is promised
                            // but that they are there.
                            let signature = if owner == "Client" {
                                String::new()
                            } else {
                                tokens(&method.sig)
                            };
                            api.insert(format!("{owner}::{}", method.sig.ident), signature);
                        }
                        ImplItem::Const(constant) if is_public(&constant.vis) => {
                            api.insert(format!("{owner}::{}", constant.ident), tokens(&constant.ty));
                        }
                        _ => {}
                    }
                }
            }
            Item::Impl(item) => {
                let (path, _) = item.trait_.as_ref().unwrap();
                let types = item.items.iter().filter_map(|item| match item {
                    ImplItem::Type(alias) => Some(tokens(alias)),
                    _ => None,
                });
                let name = format!("impl {} for {}", tokens(path), tokens(&item.self_ty));
                api.insert(name, types.collect());
            }
            _ => {}
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn tokens(node: &impl quote::ToTokens) -> String {
    node.to_token_stream().to_string()
}
