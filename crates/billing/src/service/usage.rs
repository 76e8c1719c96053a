//! What an account has used: `GET /api/membership-usage` and the list of
//! windows.

use proto::{
    ErrorCode, ServiceError,
    billing_v1::{self as pb, caller::Credential},
};

use super::{Answer, Inner, fault};
use crate::{
    clock::Moment,
    counters::{Profile, Usage},
    store::{Account, CycleUsage},
    window::{CalendarMonth, Window},
};

impl Inner {
    pub(super) async fn get_membership_usage(
        &self,
        request: pb::GetMembershipUsageRequest,
    ) -> Answer<pb::GetMembershipUsageResponse> {
        let account = self.key_account(request.caller.as_ref()).await?;
        let profile = self.profile(&account).await?;
        let top = match request.period_start_unix {
            Some(start) => self.counters.cycle(account.id, start).await,
            None => self.counters.month(account.id, asked_month(&request, self.clock.now())?).await,
        };
        let top = top?;
        let billing_cycle = if request.include_billing_cycle {
            Some(self.billing_cycle(&profile, request.period_start_unix).await?)
        } else {
            None
        };
        Ok(pb::GetMembershipUsageResponse {
            membership: profile.membership,
            credits: profile.credits,
            prepaid_credits: profile.prepaid_credits,
            app_usage: top.app,
            api_usage: top.api,
            billing_cycle,
        })
    }

    pub(super) async fn list_billing_cycles(
        &self,
        request: pb::ListBillingCyclesRequest,
    ) -> Answer<pb::ListBillingCyclesResponse> {
        let account = self.key_account(request.caller.as_ref()).await?;
        let profile = self.profile(&account).await?;
        let cycles = self.windows(&profile).await?;
        let billing_cycles = cycles.iter().rev().map(|cycle| pb::CycleUsage {
            period_start_unix: cycle.start,
            period_end_unix: cycle.end,
            app_usage: cycle.app,
            api_usage: cycle.api,
        });
        Ok(pb::ListBillingCyclesResponse { billing_cycles: billing_cycles.collect() })
    }

    async fn key_account(&self, caller: Option<&pb::Caller>) -> Answer<Account> {
        match caller.and_then(|caller| caller.credential.as_ref()) {
            Some(Credential::ApiKey(key)) => Ok(self.key_holder(key).await?.account),
            _ => Err(fault::invalid_key()),
        }
    }

    /// One window in full: the one that begins at `start`, else the current.
    pub(super) async fn billing_cycle(
        &self,
        profile: &Profile,
        start: Option<i64>,
    ) -> Answer<pb::BillingCycle> {
        let current = current_window(profile, self.clock.now());
        let window = match start.filter(|start| *start != current.start) {
            None => current,
            Some(start) => self.past_window(profile, start).await?,
        };
        let Usage { app, api } = self.counters.cycle(profile.account, window.start).await?;
        Ok(pb::BillingCycle {
            period_start_unix: window.start,
            period_end_unix: window.end,
            app_usage: app,
            api_usage: api,
            included_credits: profile.credits,
            prepaid_credits: profile.prepaid_credits,
            used_included_credits: app + api,
            remaining_included_credits: (profile.credits - app - api).max(0),
            stripe_billing_synced: profile.period.is_some(),
        })
    }

    async fn past_window(&self, profile: &Profile, start: i64) -> Answer<Window> {
        let windows = self.windows(profile).await?;
        let known = windows.iter().find(|window| window.start == start).map(|window| window.end);
        let next =
            windows.iter().find(|window| window.start > start).map(|window| window.start - 1);
        let month = CalendarMonth::of(Moment::from_seconds(start)).window();
        Ok(Window { start, end: known.or(next).unwrap_or(month.end), synced: false })
    }

    /// Every window with usage and Stripe's current one, oldest first, each
    /// ending where the next begins.
    async fn windows(&self, profile: &Profile) -> Answer<Vec<CycleUsage>> {
        let mut windows = self.counters.cycles(profile.account).await?;
        if let Some((start, end)) = profile.period {
            match windows.iter_mut().find(|window| window.start == start) {
                Some(window) => window.end = end,
                None => windows.push(CycleUsage { start, end, app: 0, api: 0 }),
            }
        }
        windows.sort_by_key(|window| window.start);
        let active = profile.period.map(|(start, _)| start);
        let next_starts: Vec<i64> = windows.iter().skip(1).map(|window| window.start).collect();
        for (window, next) in windows.iter_mut().zip(next_starts) {
            if Some(window.start) != active {
                window.end = next - 1;
            }
        }
        Ok(windows)
    }
}

/// The window that limits and charges use now.
pub(super) fn current_window(profile: &Profile, now: Moment) -> Window {
    match profile.period {
        Some((start, end)) => Window { start, end, synced: true },
        None => CalendarMonth::of(now).window(),
    }
}

fn asked_month(request: &pb::GetMembershipUsageRequest, now: Moment) -> Answer<CalendarMonth> {
    let current = CalendarMonth::of(now);
    let year = request.year.unwrap_or(current.year.unsigned_abs());
    let month = request.month.unwrap_or(current.month.into());
    CalendarMonth::new(year, month).ok_or_else(|| {
        ServiceError::new(ErrorCode::InvalidArgument, "year is 1 to 9999, month 1 to 12")
    })
}
