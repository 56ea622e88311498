//! Error codes carry what the document says, and no number is ever lost.

use enos_ota_client::{
    CancelTaskErrorCode, Category, CreateJobErrorCode, DeleteJobErrorCode, ErrorCode, GatewayErrorCode,
    GetJobErrorCode, OperationDoc, RetryTaskErrorCode, SearchJobsErrorCode, SearchTasksErrorCode, StartJobErrorCode,
    StopJobErrorCode,
};

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
    every_code_comes_back::<CancelTaskErrorCode>();
    every_code_comes_back::<CreateJobErrorCode>();
    every_code_comes_back::<DeleteJobErrorCode>();
    every_code_comes_back::<GetJobErrorCode>();
    every_code_comes_back::<RetryTaskErrorCode>();
    every_code_comes_back::<SearchJobsErrorCode>();
    every_code_comes_back::<SearchTasksErrorCode>();
    every_code_comes_back::<StartJobErrorCode>();
    every_code_comes_back::<StopJobErrorCode>();
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

/// The codes that the platform's page of each operation lists.
#[test]
fn an_operation_has_its_own_codes() {
    fn own<C: ErrorCode>() -> Vec<i64> {
        let codes = C::ALL.iter().map(|info| info.code);
        codes.take_while(|code| *code != 24500).collect()
    }
    assert!(own::<CreateJobErrorCode>().is_empty());
    assert_eq!(own::<GetJobErrorCode>(), [24404]);
    assert!(own::<SearchJobsErrorCode>().is_empty());
    assert!(own::<SearchTasksErrorCode>().is_empty());
    assert_eq!(own::<StartJobErrorCode>(), [24404, 24615]);
    assert_eq!(own::<StopJobErrorCode>(), [24404, 24616]);
    assert_eq!(own::<DeleteJobErrorCode>(), [24404, 24618]);
    assert_eq!(own::<CancelTaskErrorCode>(), [24404, 24617, 24620]);
    assert_eq!(own::<RetryTaskErrorCode>(), [24404, 24617, 24621]);
    assert_eq!(
        SearchJobsErrorCode::ALL
            .iter()
            .map(|info| info.code)
            .collect::<Vec<_>>(),
        [24500, 99400, 99403, 99404, 99500]
    );
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

#[test]
fn the_catalogue_has_every_operation_with_its_permissions_and_codes() {
    let ids: Vec<_> = OperationDoc::ALL.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), 9);
    let retry = OperationDoc::of(RetryTaskErrorCode::OPERATION).unwrap();
    assert_eq!((retry.action, retry.codes), ("retryTask", RetryTaskErrorCode::ALL));
    assert_eq!(
        (retry.permissions[0].versions, retry.permissions[0].permission),
        ("2.2.0, 2.3.0", "Device Management: Full Access")
    );
    assert_eq!(OperationDoc::of("gateway"), None);
}
