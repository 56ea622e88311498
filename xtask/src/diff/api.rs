//! What a program can name of the generated client, and what has become of it.
//!
//! Nothing here knows how the generator maps a document: both clients are generated, and their code is read.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, FnArg, Generics, ImplItem, ImplItemFn, Item, ItemImpl, Path, Token, UseTree};
use syn::{Type, Visibility};

use super::change::{Impact, breaking, minor};
use crate::generate::GeneratedFile;

/// Everything that a program can name or make use of, by how people write it.
pub(super) type Api = BTreeMap<String, Promise>;

/// What a program relies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    /// The type that it belongs to, or `Client`: `types::JobInfo`, `operations::RetryTask`.
    owner: String,
    /// The field, variant, constant or argument; what sets a field bears its name. Empty for the type itself.
    member: String,
    /// What may not change.
    tokens: String,
    /// The arguments of a function, with their types.
    arguments: Vec<(String, String)>,
}

/// One difference between two APIs.
pub(super) struct Difference {
    pub(super) owner: String,
    /// The member, or the arguments of which a function has more, fewer or others.
    members: Vec<String>,
    /// What the name stood for, to find out which type has changed if it is not its own.
    before: String,
    /// Whether the arguments of a function are in another order, and nothing else differs.
    pub(super) is_order: bool,
    pub(super) impact: Impact,
}

/// Names in the API that a change of the document may bear on. A `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) owner: String,
    /// All of the owner, if no member is named.
    pub(super) member: Option<String>,
}

impl Touch {
    pub(super) fn all_of(owner: impl Into<String>) -> Self {
        let (owner, member) = (owner.into(), None);
        Self { owner, member }
    }

    /// A member is named as in Rust. The type itself has the empty name.
    pub(super) fn member(owner: impl Into<String>, member: impl Into<String>) -> Self {
        let (owner, member) = (owner.into(), Some(member.into()));
        Self { owner, member }
    }

    /// Not what the change is about, but what it may have a part in.
    pub(super) fn distantly(owner: impl Into<String>) -> Self {
        Self::member(owner, "*")
    }

    pub(super) fn is_owner(&self, owner: &str) -> bool {
        match self.owner.split_once('*') {
            Some((start, end)) => owner.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
            None => self.owner == owner,
        }
    }
}

impl Difference {
    pub(super) fn is_of(&self, touch: &Touch) -> bool {
        touch.is_owner(&self.owner) && touch.member.as_ref().is_none_or(|member| self.members.contains(member))
    }

    /// Whether it is of something else, the type of which is touched: `Option<JobType>` for the field `job_type`.
    pub(super) fn speaks_of(&self, touch: &Touch) -> bool {
        let words = self.before.split(|c: char| !c.is_alphanumeric() && c != ':');
        words
            .map(|word| word.trim_start_matches("crate::"))
            .any(|word| touch.is_owner(word))
    }
}

/// The API that these files make up.
///
/// # Errors
///
/// A file is not Rust.
pub(super) fn api(files: &[GeneratedFile]) -> Result<Api, syn::Error> {
    let mut api = Api::new();
    for file in files {
        // What belongs to the types of one module is in two files.
        let module = match file.name {
            "bodies.rs" => "types::",
            "operations.rs" => "operations::",
            "provenance.toml" => continue,
            _ => "",
        };
        api.extend(items(module, &syn::parse_file(&file.text)?.items));
    }
    Ok(api)
}

/// What has become of an API.
pub(super) fn differences(base: &Api, head: &Api) -> Vec<Difference> {
    let owners = |api: &Api| {
        api.values()
            .map(|promise| promise.owner.clone())
            .collect::<BTreeSet<_>>()
    };
    let (owners_of_base, owners_of_head) = (owners(base), owners(head));
    // Of a type that is gone or new, nothing else need be said.
    let is_told = |label: &str, promise: &Promise, others: &BTreeSet<String>| {
        others.contains(&promise.owner) || *label == format!("`{}`", promise.owner)
    };
    let gone_or_other = base.iter().filter_map(|(label, before)| match head.get(label) {
        Some(after) => (before != after).then(|| changed(label, before, after)),
        None if !is_told(label, before, &owners_of_head) => None,
        None => Some(before.difference(breaking(format!("{label} is gone")))),
    });
    let new = head.iter().filter(|(label, _)| !base.contains_key(*label));
    let new = new.filter(|(label, promise)| is_told(label, promise, &owners_of_base));
    let new = new.map(|(label, promise)| promise.difference(minor(format!("{label} is new"))));
    gone_or_other.chain(new).collect()
}

fn changed(label: &str, before: &Promise, after: &Promise) -> Difference {
    let (was, is) = (&before.tokens, &after.tokens);
    if before.arguments == after.arguments {
        return before.difference(breaking(format!("{label} was `{was}` and is `{is}`")));
    }
    let lone = |one: &Promise, other: &Promise| -> Vec<(String, String)> {
        let lone = one
            .arguments
            .iter()
            .filter(|argument| !other.arguments.contains(argument));
        lone.cloned().collect()
    };
    let (gone, new) = (lone(before, after), lone(after, before));
    let list = |arguments: &[(String, String)]| {
        let list = arguments.iter().map(|(name, ty)| format!("`{name}: {ty}`"));
        list.collect::<Vec<_>>().join(" and ")
    };
    let why = match (gone.is_empty(), new.is_empty()) {
        (true, true) => format!("{label} takes its arguments in another order"),
        (true, false) => format!("{label} takes {} too", list(&new)),
        (false, true) => format!("{label} takes {} no longer", list(&gone)),
        (false, false) => format!("{label} takes {} in the place of {}", list(&new), list(&gone)),
    };
    Difference {
        is_order: gone.is_empty() && new.is_empty(),
        members: gone.iter().chain(&new).map(|(name, _)| stem(name)).collect(),
        ..before.difference(breaking(why))
    }
}

impl Promise {
    fn new(owner: &str, member: &str, tokens: String) -> Self {
        Self {
            owner: owner.to_owned(),
            member: member.to_owned(),
            tokens,
            arguments: Vec::new(),
        }
    }

    fn difference(&self, impact: Impact) -> Difference {
        Difference {
            owner: self.owner.clone(),
            members: vec![self.member.clone()],
            before: self.tokens.clone(),
            is_order: false,
            impact,
        }
    }
}

type Found = Vec<(String, Promise)>;

fn items(module: &str, items: &[Item]) -> Found {
    items.iter().flat_map(|item| self::item(module, item)).collect()
}

fn item(module: &str, item: &Item) -> Found {
    match item {
        Item::Mod(inner) => {
            let content = inner.content.as_ref().map(|(_, items)| items.as_slice());
            items(&format!("{}::", inner.ident), content.unwrap_or_default())
        }
        Item::Use(item) if is_public(&item.vis) => shown(&item.tree),
        Item::Struct(item) if is_public(&item.vis) => {
            let owner = format!("{module}{}", item.ident);
            let mut found = of_type(&owner, "struct", &item.generics, &item.attrs);
            for (index, field) in item
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| is_public(&field.vis))
            {
                let name = field
                    .ident
                    .as_ref()
                    .map_or_else(|| index.to_string(), ToString::to_string);
                found.push(member(&owner, ".", &name, tidy(&field.ty)));
            }
            found
        }
        Item::Enum(item) if is_public(&item.vis) => {
            let owner = format!("{module}{}", item.ident);
            let is_open = item
                .attrs
                .iter()
                .any(|attribute| attribute.path().is_ident("non_exhaustive"));
            // Any other variant breaks a `match` that needs no wildcard.
            let names = item.variants.iter().map(|variant| format!(" {}", variant.ident));
            let kind: String = std::iter::once("enum".to_owned())
                .chain(names.filter(|_| !is_open))
                .collect();
            let mut found = of_type(&owner, &kind, &item.generics, &item.attrs);
            for variant in &item.variants {
                let fields = match &variant.fields {
                    Fields::Unit => String::new(),
                    fields => tidy(fields),
                };
                found.push(member(&owner, "::", &variant.ident.to_string(), fields));
            }
            found
        }
        Item::Impl(item) => implementation(module, item),
        _ => Vec::new(),
    }
}

/// The names that a module shows at the root of the client.
fn shown(tree: &UseTree) -> Found {
    match tree {
        UseTree::Path(path) => shown(&path.tree),
        UseTree::Group(group) => group.items.iter().flat_map(shown).collect(),
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            vec![(format!("`{name}` at the root"), Promise::new(&name, "", String::new()))]
        }
        UseTree::Rename(_) | UseTree::Glob(_) => Vec::new(),
    }
}

/// The type itself with the attributes that programs feel, and the traits that are derived.
fn of_type(owner: &str, kind: &str, generics: &Generics, attributes: &[Attribute]) -> Found {
    let is_felt = |attribute: &&Attribute| {
        attribute.path().is_ident("non_exhaustive") || tidy(attribute).contains("deny_unknown_fields")
    };
    let felt: String = attributes.iter().filter(is_felt).map(tidy).collect();
    let tokens = format!("{felt}{kind}{}", tidy(generics));
    let parse = Punctuated::<Path, Token![,]>::parse_terminated;
    let derives = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    let paths = derives
        .filter_map(|attribute| attribute.parse_args_with(parse).ok())
        .flatten();
    let traits = paths.map(|path| of_trait(owner, &path, String::new()));
    let itself = (format!("`{owner}`"), Promise::new(owner, "", tokens));
    std::iter::once(itself).chain(traits).collect()
}

/// A trait is named alike whether it is derived or written out.
fn of_trait(owner: &str, path: &Path, tokens: String) -> (String, Promise) {
    let name = path.segments.last().map(tidy).unwrap_or_default();
    (format!("`{name}` for `{owner}`"), Promise::new(owner, "", tokens))
}

fn implementation(module: &str, item: &ItemImpl) -> Found {
    let Type::Path(path) = &*item.self_ty else {
        return Vec::new();
    };
    let module = if path.path.segments[0].ident == "types" {
        "types::"
    } else {
        module
    };
    let name = path.path.segments.last().map(|segment| segment.ident.to_string());
    let owner = format!("{module}{}", name.unwrap_or_default());
    if let Some((of, ..)) = &item.trait_ {
        let types = item.items.iter().filter_map(|item| match item {
            ImplItem::Type(alias) => Some(tidy(&alias.ty)),
            _ => None,
        });
        return vec![of_trait(&owner, of, types.collect::<Vec<_>>().join(", "))];
    }
    let found = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) if is_public(&method.vis) => Some(function(&owner, method)),
        ImplItem::Const(constant) if is_public(&constant.vis) => {
            Some(member(&owner, "::", &constant.ident.to_string(), tidy(&constant.ty)))
        }
        _ => None,
    });
    found.collect()
}

fn function(owner: &str, method: &ImplItemFn) -> (String, Promise) {
    let signature = &method.sig;
    let name = signature.ident.to_string();
    if owner == "Client" {
        // Its methods gain an argument with every parameter: nothing is promised but that they are there.
        return member(owner, "::", &name, String::new());
    }
    let (label, promise) = member(owner, "::", &name, tidy(signature));
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some((tidy(&typed.pat), tidy(&typed.ty))),
        FnArg::Receiver(_) => None,
    });
    let arguments = typed.collect();
    (label, Promise { arguments, ..promise })
}

fn member(owner: &str, separator: &str, name: &str, tokens: String) -> (String, Promise) {
    let label = format!("`{owner}{separator}{name}`");
    (label, Promise::new(owner, &stem(name), tokens))
}

/// `type` for what the generator calls `type_`, and for what sets it, `with_type`.
fn stem(name: &str) -> String {
    name.strip_prefix("with_")
        .unwrap_or(name)
        .trim_end_matches('_')
        .to_owned()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Tokens as people write them.
fn tidy(node: &impl ToTokens) -> String {
    let tokens = node.to_token_stream().to_string();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut text = String::new();
    let mut before = "";
    for part in tokens.split(' ') {
        let between_words = before.ends_with(is_word) && part.starts_with(is_word);
        if between_words || [",", ":", "->"].contains(&before) || part == "->" {
            text.push(' ');
        }
        text.push_str(part);
        before = part;
    }
    let shorter = [
        ("::std::option::", ""),
        ("::std::string::", ""),
        ("::std::vec::", ""),
        (", >", ">"),
        (", )", ")"),
    ];
    shorter
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}
