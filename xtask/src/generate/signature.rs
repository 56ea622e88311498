//! Reading the methods that the client generator has made.

use proc_macro2::Ident;
use syn::{FnArg, GenericArgument, ImplItem, ImplItemFn, Item, Pat, PathArguments, ReturnType, Type, parse_quote};

/// An argument of a method.
pub(super) struct Argument {
    pub(super) name: Ident,
    /// As the method has it: `&'a types::JobId`, `Option<i64>`.
    pub(super) ty: Type,
    /// The type inside of `Option<...>`.
    pub(super) optional: Option<Type>,
}

/// The method of the client with this name.
pub(super) fn method<'a>(client: &'a syn::File, name: &Ident) -> Option<&'a ImplItemFn> {
    let client_type: Type = parse_quote!(Client);
    let impls = client.items.iter().filter_map(|item| match item {
        Item::Impl(item) if item.trait_.is_none() && *item.self_ty == client_type => Some(item),
        _ => None,
    });
    impls.flat_map(|item| &item.items).find_map(|item| match item {
        ImplItem::Fn(method) if method.sig.ident == *name && method.sig.asyncness.is_some() => Some(method),
        _ => None,
    })
}

/// Its arguments without `self`; `None` if one has no name.
pub(super) fn arguments(method: &ImplItemFn) -> Option<Vec<Argument>> {
    let typed = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed
        .map(|typed| match &*typed.pat {
            Pat::Ident(pattern) => Some(Argument {
                name: pattern.ident.clone(),
                ty: (*typed.ty).clone(),
                optional: inner(&typed.ty, "Option").cloned(),
            }),
            _ => None,
        })
        .collect()
}

/// The name of its answer's type in `Result<ResponseValue<types::NAME>, Error<()>>`.
pub(super) fn response(method: &ImplItemFn) -> Option<Ident> {
    let ReturnType::Type(_, result) = &method.sig.output else {
        return None;
    };
    match inner(inner(result, "Result")?, "ResponseValue")? {
        Type::Path(path) if path.path.segments.first()?.ident == "types" => {
            Some(path.path.segments.last()?.ident.clone())
        }
        _ => None,
    }
}

/// The first argument of a generic type with this name.
pub(super) fn inner<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
