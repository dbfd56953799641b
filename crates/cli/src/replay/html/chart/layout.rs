//! What lies where in the drawing, in pixels from its top: the numbers of incidents, the lanes of marks, then two panels.

/// Rows of numbers, then the lanes of marks.
pub const ROWS: usize = 3;
pub const ROW: u32 = 18;
pub const TOP: u32 = ROWS as u32 * ROW;
pub const LANE: u32 = 15;
pub const BOTTOM: u32 = TOP + 4 * LANE;

/// A panel of the drawing, in pixels from its top.
pub struct Panel {
    pub top: u32,
    pub height: u32,
}

pub const FAILURES: Panel = Panel { top: BOTTOM + 30, height: 170 };
pub const CALLERS: Panel = Panel { top: FAILURES.top + FAILURES.height + 34, height: 64 };
pub const GROUND: u32 = CALLERS.top + CALLERS.height;
pub const LABELS: u32 = GROUND + 17;
pub const HEIGHT: u32 = LABELS + 7;
