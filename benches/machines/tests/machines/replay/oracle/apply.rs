//! Operations on the oracle.

use zonelist_machines::Kind;

use super::{
    formulas::{hotplugged_pages, overlap},
    op::{Op, Outcome},
    tables::{BlockRow, CpuRow, Done, KERNEL_KINDS, MOVABLE, NORMAL, Oracle},
};

impl Oracle {
    /// Applies the operation; one that fails changes nothing.
    pub(crate) fn apply(&mut self, op: &Op) -> Outcome {
        let before = self.clone();
        let done = match op {
            Op::Block { block, word, pinned, policy_zone_choice } => {
                self.write_block(*block, word, *pinned, *policy_zone_choice)
            }
            Op::Cpu { cpu, online } => self.set_cpu(*cpu, *online),
            Op::Sysctl { name, value } => self.write_sysctl(name, value),
            Op::AddNode(node) => self.add_node(*node),
            Op::AddBlocks { node, first, count } => self.add_blocks(*node, *first, *count),
            Op::RemoveBlocks { first, count } => self.remove_blocks(*first, *count),
            Op::RemoveNode(node) => self.remove_node(*node),
        };
        match done {
            Ok(built) => self.outcome("ok", built),
            Err(error) => {
                *self = before;
                self.outcome(error, None)
            }
        }
    }

    /// Writes a word to a block's state file.
    fn write_block(&mut self, number: u64, word: &str, pinned: bool, choice: Option<Kind>) -> Done {
        let at = self.blocks.iter().position(|block| block.number == number).ok_or("ENOENT")?;
        if !["offline", "online", "online_kernel", "online_movable"].contains(&word) {
            return Err("EINVAL");
        }
        if self.blocks[at].online != (word == "offline") {
            return Err("EINVAL");
        }
        if word == "offline" { self.offline(at, pinned) } else { self.bring_online(at, word, choice) }
    }

    /// Adds a block to a zone; lists are rebuilt if it is the zone's first.
    fn bring_online(&mut self, at: usize, word: &str, choice: Option<Kind>) -> Done {
        let node = self.blocks[at].node.ok_or("EINVAL")?;
        let frames = self.frames(self.blocks[at].number);
        let kind = self.target(node, at, word, choice);
        let zone = self.zone_at(node, kind).ok_or("EINVAL")?;
        let first = self.present(zone) == 0;
        let old = self.zones[zone].span.unwrap_or(frames);
        self.zones[zone].span = Some((old.0.min(frames.0), old.1.max(frames.1)));
        self.blocks[at].online = true;
        self.blocks[at].zone = Some(kind);
        // Linux rebuilds before it recomputes the watermarks, so the logged total uses the old ones.
        let built = first.then(|| self.rebuild(&self.nodes_with_rows(), &self.has_cpu(), &self.has_memory()));
        self.recompute();
        Ok(built)
    }

    /// The kind of zone that a block is added to.
    fn target(&self, node: u32, at: usize, word: &str, choice: Option<Kind>) -> Kind {
        let frames = self.frames(self.blocks[at].number);
        let touches = |kind: Kind| {
            let span = self.zone_at(node, kind).and_then(|zone| self.zones[zone].span);
            span.is_some_and(|span| overlap(span, frames).is_some())
        };
        let kernel = KERNEL_KINDS.into_iter().find(|&kind| touches(kind)).unwrap_or(NORMAL);
        let has_movable_node = self.options.split_whitespace().any(|option| option == "movable_node");
        let by_policy = || if self.is_auto_movable(at, node) { MOVABLE } else { kernel };
        let chosen = self.has_auto_movable().then(|| choice.unwrap_or_else(by_policy));
        match (word, chosen, touches(kernel), touches(MOVABLE)) {
            ("online_kernel", ..) => kernel,
            ("online_movable", ..) => MOVABLE,
            (_, Some(kind), ..) => kind,
            (_, _, true, false) => kernel,
            (_, _, false, true) => MOVABLE,
            _ if has_movable_node => MOVABLE,
            _ => kernel,
        }
    }

    /// Removes a block from its zone; lists are rebuilt if it was the zone's last.
    fn offline(&mut self, at: usize, pinned: bool) -> Done {
        let block = self.blocks[at].clone();
        let node = block.node.ok_or("EINVAL")?;
        let zone = self.zone_at(node, block.zone.ok_or("EINVAL")?).unwrap();
        if block.has_holes {
            return Err("EINVAL");
        }
        if pinned || self.managed(zone) < block.managed {
            return Err("EBUSY");
        }
        let had_memory = self.has_memory();
        self.blocks[at].online = false;
        self.blocks[at].zone = None;
        let (frames, span) = (self.frames(block.number), self.zones[zone].span.unwrap());
        let last = self.present(zone) == 0;
        if last {
            self.zones[zone].span = None;
        } else if frames.0 <= span.0 || frames.1 >= span.1 {
            self.zones[zone].span = self.hull(zone).or(Some(span));
        }
        self.recompute();
        // Until 6.6 the rebuild still lists the node, even if the node has just lost the last of its memory.
        let listed = if self.release < (6, 7) { had_memory } else { self.has_memory() };
        Ok(last.then(|| self.rebuild(&self.nodes_with_rows(), &self.has_cpu(), &listed)))
    }

    /// Takes a CPU online or offline. Lists are rebuilt only if the CPU brings its offline node online.
    fn set_cpu(&mut self, cpu: u32, online: bool) -> Done {
        let at = self.cpus.iter().position(|row| row.cpu == cpu).ok_or("ENOENT")?;
        let CpuRow { node, online: was_online, .. } = self.cpus[at];
        if online == was_online {
            return Ok(None);
        }
        if !online && self.cpus.iter().filter(|row| row.online).count() == 1 {
            return Err("EBUSY");
        }
        let built = if online && !self.online.contains(&node) { self.add_node(node)? } else { None };
        self.cpus[at].online = online;
        Ok(built)
    }

    /// Writes a sysctl; watermarks and reserves follow.
    fn write_sysctl(&mut self, name: &str, value: &str) -> Done {
        match name {
            "min_free_kbytes" => {
                self.sysctl.min_free_kbytes = integer(value, 0, i32::MAX)?;
                self.written = Some(self.sysctl.min_free_kbytes);
            }
            "watermark_scale_factor" => {
                let most = if self.release < (5, 17) { 1000 } else { 3000 };
                self.sysctl.watermark_scale_factor = integer(value, 1, most)? as u32;
            }
            "lowmem_reserve_ratio" => {
                let words: Vec<&str> = value.split_whitespace().take(self.kinds.len()).collect();
                let ratios: Vec<i32> = words.iter().map_while(|word| word.parse().ok()).collect();
                let all_good =
                    ratios.len() == words.len() && !ratios.is_empty() && ratios.iter().all(|ratio| *ratio >= 0);
                if self.release >= (7, 3) && !all_good {
                    return Err("EINVAL");
                }
                for (column, ratio) in ratios.into_iter().enumerate() {
                    self.sysctl.lowmem_reserve_ratio[column] = ratio.max(0) as u32;
                }
            }
            "numa_zonelist_order" => {
                let accepted = value.starts_with(['d', 'D', 'n', 'N']);
                return if accepted { Ok(None) } else { Err("EINVAL") };
            }
            _ => return Err("ENOENT"),
        }
        self.set_watermarks();
        Ok(None)
    }

    /// Brings a node online. Its own row is built while it is still offline; the other rows stay.
    fn add_node(&mut self, node: u32) -> Done {
        if !self.possible.contains(&node) {
            return Err("ENOENT");
        }
        if self.online.contains(&node) {
            return Err("EEXIST");
        }
        let built = self.rebuild(&[node], &self.has_cpu(), &self.has_memory());
        self.online.push(node);
        self.online.sort();
        Ok(Some(built))
    }

    /// Adds rows of offline blocks.
    fn add_blocks(&mut self, node: u32, first: u64, count: u64) -> Done {
        if count == 0 {
            return Err("EINVAL");
        }
        if !self.possible.contains(&node) {
            return Err("ENOENT");
        }
        if self.blocks.iter().any(|block| (first..first + count).contains(&block.number)) {
            return Err("EEXIST");
        }
        let built = if self.online.contains(&node) { None } else { self.add_node(node)? };
        self.next_dimm += 1;
        let dimm = Some(self.next_dimm);
        for number in first..first + count {
            let managed = hotplugged_pages(&self.options, self.block_pages, self.page_bytes);
            let block =
                BlockRow { number, node: Some(node), online: false, zone: None, managed, has_holes: false, dimm };
            self.blocks.push(block);
        }
        self.blocks.sort_by_key(|block| block.number);
        Ok(built)
    }

    /// Removes rows of offline blocks.
    fn remove_blocks(&mut self, first: u64, count: u64) -> Done {
        if count == 0 {
            return Err("EINVAL");
        }
        for number in first..first + count {
            if !self.blocks.iter().any(|block| block.number == number) {
                return Err("ENOENT");
            }
        }
        for number in first..first + count {
            let at = self.blocks.iter().position(|block| block.number == number).unwrap();
            let removed = self.blocks.remove(at);
            if removed.online {
                return Err("EBUSY");
            }
            // What is left behind it counts as another DIMM.
            self.next_dimm += 1;
            for block in self.blocks.iter_mut().filter(|block| block.number > number && block.dimm.is_some()) {
                if block.dimm == removed.dimm {
                    block.dimm = Some(self.next_dimm);
                }
            }
        }
        Ok(None)
    }

    /// Takes a node offline that has no block and no CPU; its row stays.
    fn remove_node(&mut self, node: u32) -> Done {
        if !self.online.contains(&node) {
            return Err("ENOENT");
        }
        let has_block = self.blocks.iter().any(|block| block.node == Some(node));
        if has_block || self.has_cpu().contains(&node) || self.has_memory().contains(&node) {
            return Err("EBUSY");
        }
        self.online.retain(|other| *other != node);
        Ok(None)
    }
}

/// Parses a number in these bounds.
fn integer(text: &str, least: i32, greatest: i32) -> Result<u64, &'static str> {
    // Only the first number is read.
    let number: i32 = text.split_whitespace().next().and_then(|word| word.parse().ok()).ok_or("EINVAL")?;
    if (least..=greatest).contains(&number) { Ok(number as u64) } else { Err("EINVAL") }
}
