//! Each scheme under the kit. The test `newcomers.rs` of `zonelist-verify` runs them one by one.

use newcomers::{
    elsewhere::{Held, Wrapped},
    emptied_first::EmptiedFirst,
    freed_early::FreedEarly,
    hidden::Hidden,
    old_length::OldLength,
    relaxed_close::RelaxedClose,
    smallest::Locked,
    spelled::Spelled,
    terminator_first::TerminatorFirst,
    wait_free_lock::WaitFreeLock,
};

zonelist_core::model!(smallest: Locked = Locked::default());
zonelist_core::model!(hidden_lock: Hidden = Hidden::default());
zonelist_core::model!(hidden_crate: Wrapped = Wrapped::default());
zonelist_core::model!(held_lock: Held = Held::default());
zonelist_core::model!(spelled: Spelled = Spelled::default());
zonelist_core::model!(emptied_first: EmptiedFirst = EmptiedFirst::default());
zonelist_core::model!(freed_early: FreedEarly = FreedEarly::default());
zonelist_core::model!(old_length: OldLength = OldLength::default());
zonelist_core::model!(relaxed_close: RelaxedClose = RelaxedClose::default());
zonelist_core::model!(terminator_first: TerminatorFirst = TerminatorFirst::default());
zonelist_core::model!(wait_free_lock: WaitFreeLock = WaitFreeLock::default());
