//! Who may call at all comes before what is wrong with the call.

use proto::billing_v1::{Caller, IdentifyRequest, caller::Credential};

use crate::{app::App, error::ApiError};

/// What the sender of a faulty request is told: that its key, its token or its
/// account may not call at all, where billing says so and that `comes_first`, and
/// else the fault.
pub(crate) async fn first_told(
    app: &App,
    caller: Caller,
    fault: ApiError,
    comes_first: impl Fn(&ApiError) -> bool,
) -> ApiError {
    if matches!(caller.credential, None | Some(Credential::Anonymous(_))) || !fault.is_of_request()
    {
        return fault;
    }
    let asked = app.billing.identify(IdentifyRequest { caller: Some(caller) }).await;
    match asked.map_err(ApiError::from) {
        Err(refusal) if comes_first(&refusal) => refusal,
        _ => fault,
    }
}
