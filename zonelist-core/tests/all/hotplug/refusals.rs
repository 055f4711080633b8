//! Refusals of operations: their conditions, Linux' error numbers, and that nothing has changed.

use zonelist_core::{
    ZoneKind,
    hotplug::{
        BlockId, Errno, HotplugError, MemoryBlockState, MemoryBlocks, MemoryBlocksError, OnlineTo, Operation, Setting,
        State,
    },
    topology::Rules,
};

use super::{CallLog, PAGES, block, node, offline, online, running, state, support::Puppet};

#[test]
fn each_refusal_leaves_the_machine_unchanged() {
    let running = running(Puppet::new(), CallLog::default());
    let before = running.state();
    let refusals = [
        (offline(7), Errno::Noent, "block 7: not there"),
        (online(7, OnlineTo::Auto), Errno::Noent, "block 7: not there"),
        (offline(3), Errno::Inval, "block 3: offline already"),
        (online(2, OnlineTo::Movable), Errno::Inval, "block 2: online already"),
        (online(0, OnlineTo::Movable), Errno::Inval, "block 0: online already"),
        (offline(0), Errno::Inval, "block 0: in two zones"),
        (offline(1), Errno::Inval, "block 1: pages are missing"),
        (offline(9), Errno::Busy, "block 9: page 9223 can't be moved"),
        (online(3, OnlineTo::Kind(ZoneKind::Device)), Errno::Inval, "zone kind Device: not known"),
        (Operation::CpuOnline { cpu: 9 }, Errno::Noent, "CPU 9: not there"),
        (Operation::CpuOffline { cpu: 9 }, Errno::Noent, "CPU 9: not there"),
        (Operation::AddNode(node(4)), Errno::Noent, "node 4: not possible"),
        (Operation::AddNode(node(1)), Errno::Exist, "node 1: online already"),
        (Operation::RemoveNode(node(2)), Errno::Noent, "node 2: not possible or not online"),
        (Operation::RemoveNode(node(0)), Errno::Busy, "node 0: has memory"),
        (
            Operation::AddBlocks { node: node(4), first: BlockId::new(20), count: 1 },
            Errno::Noent,
            "node 4: not possible",
        ),
        (Operation::AddBlocks { node: node(0), first: BlockId::new(5), count: 0 }, Errno::Inval, "blocks 5 and 0 on"),
        (Operation::AddBlocks { node: node(0), first: BlockId::new(u64::MAX), count: 2 }, Errno::Inval, "blocks"),
        (
            Operation::AddBlocks { node: node(0), first: BlockId::new(5), count: 4 },
            Errno::Exist,
            "block 8: there already",
        ),
        (
            Operation::AddBlocks { node: node(0), first: BlockId::new(3), count: 1 },
            Errno::Exist,
            "block 3: there already",
        ),
        (
            Operation::AddBlocks { node: node(0), first: BlockId::new(1 << 20), count: 1 << 24 },
            Errno::Inval,
            "blocks 1048576 and",
        ),
        (Operation::RemoveBlocks { first: BlockId::new(3), count: 0 }, Errno::Inval, "blocks 3 and 0 on"),
        (Operation::RemoveBlocks { first: BlockId::new(3), count: 3 }, Errno::Noent, "block 5: not there"),
        (Operation::RemoveBlocks { first: BlockId::new(11), count: 9 }, Errno::Noent, "block 12: not there"),
        (Operation::RemoveBlocks { first: BlockId::new(2), count: 2 }, Errno::Busy, "block 2: online"),
        (Operation::Set(Setting::WatermarkScaleFactor(0)), Errno::Inval, "vm.watermark_scale_factor: 0"),
        (Operation::Set(Setting::WatermarkScaleFactor(3001)), Errno::Inval, "vm.watermark_scale_factor: 3001"),
        (Operation::Set(Setting::MinFreeKbytes(1 << 31)), Errno::Inval, "vm.min_free_kbytes: 2147483648"),
        (Operation::Set(Setting::LowmemReserveRatio(vec![1; 5])), Errno::Inval, "vm.lowmem_reserve_ratio: 5 entries"),
    ];
    for (operation, errno, message) in refusals {
        let error = running.apply(&operation).unwrap_err();
        assert_eq!(error.errno(), errno, "{operation:?}: {error}");
        assert!(error.to_string().starts_with(message), "{operation:?}: {error}");
        assert!(error.to_string().contains("; expected "), "{error}");
        assert_eq!(running.state(), before, "{operation:?}");
    }
    assert_eq!(running.provider().hook.calls(), [], "the provider was not called");
}

#[test]
fn words_and_values_are_parsed_as_by_the_kernel() {
    let errno = |name, value| Setting::parse(name, value, 4, Rules::LINUX_6_1).map_err(|error| error.errno());
    for (value, kbytes) in [(" 42 ", 42), ("0", 0), ("010", 8), ("0x1000", 4096), ("\x0b1\t2", 1), ("3 x", 3)] {
        assert_eq!(errno("min_free_kbytes", value), Ok(Setting::MinFreeKbytes(kbytes)), "{value:?}");
    }
    for (name, value) in [
        ("min_free_kbytes", "-1"),
        ("min_free_kbytes", ""),
        ("min_free_kbytes", "1,2"),
        ("min_free_kbytes", "1\x0b2"),
        ("min_free_kbytes", "many"),
        ("watermark_scale_factor", "3001"),
        ("numa_zonelist_order", "Zone"),
        ("numa_zonelist_order", " Node"),
        ("min_free_kbytes", "0x"),
        ("min_free_kbytes", "09"),
        ("min_free_kbytes", "+1"),
        ("min_free_kbytes", "2147483648"),
    ] {
        assert_eq!(errno(name, value), Err(Errno::Inval), "{name} {value:?}");
    }
    // The kernel reads up to the first word that is no number, and at most an entry for each kind.
    for (value, ratios, of_7_3) in [
        ("1 2 3 4 5", vec![1, 2, 3, 4], true),
        ("1 2 3 4 x", vec![1, 2, 3, 4], true),
        ("-1 256", vec![0, 256], false),
        ("8 9 x 10", vec![8, 9], false),
        ("8 2147483648", vec![8], false),
        ("7,8", vec![], false),
        ("", vec![], false),
    ] {
        let wanted = Ok(Setting::LowmemReserveRatio(ratios));
        assert_eq!(errno("lowmem_reserve_ratio", value), wanted, "{value:?}");
        let strict = Setting::parse("lowmem_reserve_ratio", value, 4, Rules::LINUX_7_3).map_err(|error| error.errno());
        assert_eq!(strict, if of_7_3 { wanted } else { Err(Errno::Inval) }, "{value:?} since 7.3");
    }
    let factor = |rules| Setting::parse("watermark_scale_factor", "1001", 4, rules).is_ok();
    assert!(factor(Rules::LINUX_5_18) && !factor(Rules::LINUX_4_14));
    assert_eq!(errno("numa_zonelist_order", "Node"), Ok(Setting::NumaZonelistOrder));
    assert_eq!(errno("swappiness", "1"), Err(Errno::Noent));
    let words = ["online", "online_kernel", "online_movable"].map(|word| word.parse::<OnlineTo>().unwrap());
    assert_eq!(words, [OnlineTo::Auto, OnlineTo::Kernel, OnlineTo::Movable]);
    assert!(matches!("offlin".parse::<OnlineTo>(), Err(HotplugError::UnknownWord { .. })));
}

#[test]
fn a_block_with_reserved_pages_stays_online() {
    let running = running(Puppet::new(), ());
    running.apply(&offline(9)).unwrap();
    let before = running.state();
    let error = running.apply(&offline(8)).unwrap_err();
    assert_eq!((error.errno(), running.state()), (Errno::Busy, before), "{error}");
    assert!(error.to_string().contains("924 pages of zone 1/Normal"), "{error}");
}

#[test]
fn the_last_cpu_stays_online() {
    let running = running(Puppet::new(), ());
    running.apply(&Operation::CpuOffline { cpu: 0 }).unwrap();
    let again = running.apply(&Operation::CpuOffline { cpu: 0 }).unwrap();
    assert_eq!(again, Default::default(), "offline already: nothing changes");
    let error = running.apply(&Operation::CpuOffline { cpu: 1 }).unwrap_err();
    assert_eq!(error.errno(), Errno::Busy, "{error}");
    assert_eq!(running.state().has_cpu().to_string(), "1");
}

#[test]
fn blocks_that_contradict_the_machine_are_refused() {
    let machine = state().machine().clone();
    let with = |pages, list| {
        State::booted(machine.clone(), MemoryBlocks { pages, list, ..MemoryBlocks::default() }, Rules::LINUX_6_1)
            .unwrap_err()
    };
    let spare = |number, node| block(number, node, MemoryBlockState::Offline);
    let used = |number, node, kind| block(number, node, MemoryBlockState::Online(kind));
    let mut whole = spare(3, 0);
    whole.memmap_pages = PAGES;
    let mut without_node = spare(3, 0);
    without_node.node = None;
    let normal = ZoneKind::Normal;
    for (error, message) in [
        (with(1000, vec![spare(3, 0)]), "block_pages: 1000"),
        (with(PAGES, vec![spare(1 << 38, 0)]), "blocks[0].block: 274877906944"),
        (with(PAGES, vec![spare(3, 0), spare(4, 0), spare(3, 1)]), "blocks[2].block: 3 a second time"),
        (with(PAGES, vec![spare(3, 5)]), "blocks[0].node: 5"),
        (with(PAGES, vec![without_node]), "blocks[0].node: none"),
        (with(PAGES, vec![used(3, 0, normal)]), "blocks[0].zone: 0/Normal"),
        (with(PAGES, vec![used(12, 1, normal)]), "blocks[0].zone: 1/Normal"),
        (
            with(PAGES, vec![used(0, 0, ZoneKind::Dma)]),
            "blocks[0].zone: 0/DMA, for frames 0 to 1024; expected a populated zone",
        ),
        (with(PAGES, vec![whole]), "blocks: 1024 pages of each for its page structures"),
    ] {
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(error.to_string().contains("; expected "), "{error}");
    }
    let (bare, _) = zonelist_core::topology::Machine::new(zonelist_core::topology::MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        ..Default::default()
    })
    .unwrap();
    assert_eq!(State::booted(bare, MemoryBlocks::default(), Rules::LINUX_6_1).unwrap_err(), MemoryBlocksError::NoSizes);
}
