//! `codes.rs`: one enum of error codes per operation, one for the gateway, and what the gateway refuses calls with.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::doc_text::to_rustdoc;
use super::names::upper_camel;
use crate::spec::model::{CATEGORIES, Code, Model, Refusal};

/// The name of the enum of an operation.
pub(super) fn enum_ident(operation_id: &str) -> Ident {
    format_ident!("{}ErrorCode", upper_camel(operation_id))
}

/// All enums, and what they have in common.
pub(super) fn generate(model: &Model) -> TokenStream {
    let common = common();
    let operations = model.operations.iter().map(|operation| {
        let doc = format!("The codes with which a failed `{}` may be answered.", operation.id);
        error_code(
            &enum_ident(&operation.id),
            &doc,
            &operation.id,
            &operation.codes,
            &model.common_codes,
        )
    });
    let common_infos = model.common_codes.iter().map(info);
    let common_count = Literal::usize_unsuffixed(model.common_codes.len());
    let gateway = error_code(
        &format_ident!("GatewayErrorCode"),
        "The codes with which the API gateway and its token service may answer, whatever the operation.",
        "gateway",
        &model.gateway_codes,
        &[],
    );
    let refusals = refusals(&model.refusals);
    quote! {
        #common

        /// The codes that all operations have in common.
        const COMMON: [CodeInfo; #common_count] = [#(#common_infos),*];

        #(#operations)*
        #gateway
        #refusals
    }
}

fn common() -> TokenStream {
    let categories = CATEGORIES.iter().map(|(_, variant, doc)| {
        let variant = format_ident!("{variant}");
        quote! {
            #[doc = #doc]
            #variant,
        }
    });
    quote! {
        /// What kind of failure a code stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Category {
            #(#categories)*
            /// The document does not list the code.
            Unknown,
        }

        /// What the document says about a code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct CodeInfo {
            /// The number.
            pub code: i64,
            /// The name of the variant.
            pub name: &'static str,
            /// The documented message. The message of an answer may differ.
            pub message: &'static str,
            /// What kind of failure it is.
            pub category: Category,
            /// What has happened.
            pub description: &'static str,
            /// What to do about it.
            pub remedy: &'static str,
        }

        /// The codes of an operation. A number that the document does not list is kept, never lost.
        pub trait ErrorCode:
            Copy + Eq + ::core::hash::Hash + ::core::fmt::Debug + ::core::fmt::Display + Send + Sync + 'static
        {
            /// The `operationId`, or `gateway`.
            const OPERATION: &'static str;

            /// The operation's own codes, ascending, then those that all operations have in common, ascending.
            const ALL: &'static [CodeInfo];

            /// The code with this number.
            fn from_code(code: i64) -> Self;

            /// The number.
            fn code(self) -> i64;

            /// What the document says about the code; `None` if it does not list it.
            fn info(self) -> Option<&'static CodeInfo>;

            /// The documented message; `None` if the document does not list the code.
            fn message(self) -> Option<&'static str> {
                self.info().map(|info| info.message)
            }

            /// What kind of failure it is.
            fn category(self) -> Category {
                self.info().map_or(Category::Unknown, |info| info.category)
            }

            /// What to do about it; `None` if the document does not list the code.
            fn remedy(self) -> Option<&'static str> {
                self.info().map(|info| info.remedy)
            }
        }

        fn write_code(
            f: &mut ::core::fmt::Formatter<'_>,
            code: i64,
            info: Option<&CodeInfo>,
        ) -> ::core::fmt::Result {
            match info {
                Some(info) => write!(f, "{code} {}", info.message),
                None => write!(f, "{code} (a code that the spec does not list)"),
            }
        }
    }
}

fn error_code(name: &Ident, doc: &str, operation: &str, own: &[Code], common: &[Code]) -> TokenStream {
    let codes: Vec<_> = own.iter().chain(common).collect();
    let variants: Vec<_> = codes.iter().map(|code| format_ident!("{}", code.name)).collect();
    let numbers: Vec<_> = codes.iter().map(|code| Literal::i64_unsuffixed(code.code)).collect();
    let docs = codes.iter().map(|code| variant_doc(code));
    let own_infos = own.iter().map(info);
    let common_infos = (0..common.len()).map(|index| {
        let index = Literal::usize_unsuffixed(index);
        quote!(COMMON[#index])
    });
    let infos = own_infos.chain(common_infos);
    let indices = (0..codes.len()).map(Literal::usize_unsuffixed);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum #name {
            #(
                #[doc = #docs]
                #variants,
            )*
            /// A code that the document does not list.
            Unknown(i64),
        }

        impl ErrorCode for #name {
            const OPERATION: &'static str = #operation;
            const ALL: &'static [CodeInfo] = &[#(#infos),*];

            fn from_code(code: i64) -> Self {
                match code {
                    #(#numbers => Self::#variants,)*
                    other => Self::Unknown(other),
                }
            }

            fn code(self) -> i64 {
                match self {
                    #(Self::#variants => #numbers,)*
                    Self::Unknown(code) => code,
                }
            }

            fn info(self) -> Option<&'static CodeInfo> {
                match self {
                    #(Self::#variants => Self::ALL.get(#indices),)*
                    Self::Unknown(code) => Self::ALL.iter().find(|info| info.code == code),
                }
            }
        }

        impl ::core::fmt::Display for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write_code(f, self.code(), self.info())
            }
        }
    }
}

/// What the gateway refuses calls with, by HTTP status.
fn refusals(refusals: &[Refusal]) -> TokenStream {
    let entries = refusals.iter().map(|refusal| {
        let Refusal {
            status,
            message,
            description,
            remedy,
        } = refusal;
        let status = Literal::u16_unsuffixed(*status);
        quote! {
            GatewayRefusal {
                status: #status,
                message: #message,
                description: #description,
                remedy: #remedy,
            }
        }
    });
    quote! {
        /// A call that the API gateway refuses itself. The answer has an HTTP status other than 200, and no code.
        ///
        /// Inferred: its body is `{"message": ...}`, with neither `code` nor `status`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct GatewayRefusal {
            /// The HTTP status.
            pub status: u16,
            /// The text in `message`. That of an answer may differ.
            pub message: &'static str,
            /// What has happened.
            pub description: &'static str,
            /// What to do about it.
            pub remedy: &'static str,
        }

        impl GatewayRefusal {
            /// All refusals that the document lists, ascending by status.
            pub const ALL: &'static [Self] = &[#(#entries),*];

            /// The refusal with this HTTP status; `None` if the document does not list it.
            #[must_use]
            pub fn of_status(status: u16) -> Option<&'static Self> {
                Self::ALL.iter().find(|refusal| refusal.status == status)
            }
        }
    }
}

fn variant_doc(code: &Code) -> String {
    format!(
        "{}: {}\n\n{}\n\n{}",
        code.code,
        to_rustdoc(&code.message),
        to_rustdoc(&code.description),
        to_rustdoc(&code.remedy)
    )
}

fn info(code: &Code) -> TokenStream {
    let Code {
        code,
        name,
        message,
        category,
        description,
        remedy,
    } = code;
    let code = Literal::i64_unsuffixed(*code);
    let category = CATEGORIES
        .iter()
        .find(|(word, _, _)| word == category)
        .map_or("Unknown", |(_, variant, _)| *variant);
    let category = format_ident!("{category}");
    quote! {
        CodeInfo {
            code: #code,
            name: #name,
            message: #message,
            category: Category::#category,
            description: #description,
            remedy: #remedy,
        }
    }
}
