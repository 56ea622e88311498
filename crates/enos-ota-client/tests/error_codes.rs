//! Error codes carry what the document says, and no number is ever lost.

use enos_ota_client::{Category, ErrorCode, GatewayErrorCode, RetryTaskErrorCode};

fn every_code_comes_back<C: ErrorCode>() {
    assert!(!C::ALL.is_empty());
    for info in C::ALL {
        let code = C::from_code(info.code);
        assert_eq!(code.code(), info.code);
        assert_eq!(code.info(), Some(info));
        assert_eq!(format!("{code:?}"), info.name);
        assert_eq!(code.to_string(), format!("{} {}", info.code, info.message));
        assert_ne!(code.category(), Category::Unknown);
        assert_eq!((code.message(), code.remedy()), (Some(info.message), Some(info.remedy)));
    }
}

#[test]
fn a_documented_code_has_its_name_its_message_and_its_remedy() {
    every_code_comes_back::<RetryTaskErrorCode>();
    every_code_comes_back::<GatewayErrorCode>();
    assert_eq!(
        (RetryTaskErrorCode::OPERATION, GatewayErrorCode::OPERATION),
        ("retryTask", "gateway")
    );
    assert_eq!(RetryTaskErrorCode::JobNotFound.to_string(), "24404 Job not found");
    assert_eq!(RetryTaskErrorCode::TaskNotFailed.category(), Category::Refusal);
    assert_eq!(GatewayErrorCode::AccessTokenExpired.category(), Category::TokenExpired);
}

#[test]
fn the_common_codes_come_after_the_operations_own() {
    let codes: Vec<_> = RetryTaskErrorCode::ALL.iter().map(|info| info.code).collect();
    let first_common = RetryTaskErrorCode::OtaInternalError.code();
    let (own, common) = codes.split_at(codes.iter().position(|code| *code == first_common).unwrap_or_default());
    assert!(own.contains(&RetryTaskErrorCode::TaskNotFailed.code()), "{codes:?}");
    assert!(
        common.contains(&RetryTaskErrorCode::InvalidArgument.code()),
        "{codes:?}"
    );
    assert!(own.is_sorted() && common.is_sorted(), "{codes:?}");
}

#[test]
fn an_unknown_code_keeps_its_number() {
    let code = RetryTaskErrorCode::from_code(-12345);
    assert_eq!(code, RetryTaskErrorCode::Unknown(-12345));
    assert_eq!(code.code(), -12345);
    assert_eq!(code.to_string(), "-12345 (a code that the spec does not list)");
    assert_eq!((code.info(), code.message(), code.remedy()), (None, None, None));
    assert_eq!(code.category(), Category::Unknown);
}
