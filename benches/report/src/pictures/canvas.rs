//! A drawing in SVG with one horizontal axis: text, symbols and lines, placed by pixels and by values.

use plotters::{
    coord::Shift,
    element::{Circle, PathElement, Polygon, Rectangle, Text},
    prelude::{DrawingArea, IntoDrawingArea as _, SVGBackend},
    style::{
        Color as _, IntoFont as _, RGBColor, ShapeStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    PictureError,
    palette::{GRID, Ink, MUTED},
};

/// A width for which a picture is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// A screen or a page.
    Wide,
    /// A phone.
    Narrow,
}

impl Width {
    /// Pixels.
    #[must_use]
    pub fn pixels(self) -> i32 {
        match self {
            Self::Wide => 860,
            Self::Narrow => 358,
        }
    }

    /// The name, also that of a class in the page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// The form of a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    Disc,
    Square,
    Triangle,
    Diamond,
    Ring,
    Tick,
}

/// Where text ends that has this place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// A horizontal logarithmic axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The values at both ends, greater than 0.
    pub(super) range: [f64; 2],
    /// The pixels of both ends.
    pub(super) pixels: [i32; 2],
}

impl Axis {
    /// The pixel of a value, within the axis.
    #[must_use]
    pub(super) fn at(&self, value: f64) -> i32 {
        let ([low, high], [left, right]) = (self.range, self.pixels);
        let share = (value.clamp(low, high) / low).ln() / (high / low).ln();
        left + (share * f64::from(right - left)).round() as i32
    }
}

/// A drawing under way.
pub(super) struct Canvas<'s> {
    area: DrawingArea<SVGBackend<'s>, Shift>,
}

/// Draws a picture of this size.
///
/// # Errors
/// An element can't be drawn.
pub(super) fn draw(
    title: &str,
    size: [i32; 2],
    picture: impl FnOnce(&Canvas<'_>) -> Result<(), PictureError>,
) -> Result<String, PictureError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (size[0] as u32, size[1] as u32)).into_drawing_area();
        let canvas = Canvas { area };
        picture(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    // The backend has no titles. Its first tag is the one of the picture.
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let (tag, rest) = svg.split_once('>').ok_or(PictureError::NoTag)?;
    let tag = format!("{tag} role=\"img\" font-family=\"system-ui, sans-serif\"");
    Ok(format!("{tag}>\n<title>{title}</title>{rest}"))
}

fn failed(error: impl std::fmt::Display) -> PictureError {
    PictureError::Draw(error.to_string())
}

/// The width of text, approximately: as wide as common fonts.
#[must_use]
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    (text.chars().count() as f64 * f64::from(size) * 0.56).ceil() as i32
}

impl Canvas<'_> {
    /// Text on a line with this middle.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn text(
        &self,
        text: &str,
        at: (i32, i32),
        size: i32,
        ink: Ink,
        align: Align,
    ) -> Result<(), PictureError> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        // The backend divides sizes by this number.
        let font = ("sans-serif", f64::from(size) * 1.24).into_font();
        let style = font.color(&RGBColor::from(ink)).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style)).map_err(failed)
    }

    /// A line between two points.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn line(&self, from: (i32, i32), to: (i32, i32), width: u32, ink: Ink) -> Result<(), PictureError> {
        self.area.draw(&PathElement::new([from, to], stroke(ink, width))).map_err(failed)
    }

    /// A filled rectangle between two corners.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn rectangle(&self, from: (i32, i32), to: (i32, i32), ink: Ink) -> Result<(), PictureError> {
        self.area.draw(&Rectangle::new([from, to], RGBColor::from(ink).filled())).map_err(failed)
    }

    /// A mark at a point.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn mark(&self, mark: Mark, (x, y): (i32, i32), ink: Ink) -> Result<(), PictureError> {
        let fill = RGBColor::from(ink).filled();
        let polygon = |points: Vec<(i32, i32)>| self.area.draw(&Polygon::new(points, fill)).map_err(failed);
        match mark {
            Mark::Disc => self.area.draw(&Circle::new((x, y), 5, fill)).map_err(failed),
            Mark::Ring => self.area.draw(&Circle::new((x, y), 4, stroke(ink, 2))).map_err(failed),
            Mark::Square => self.rectangle((x - 5, y - 5), (x + 5, y + 5), ink),
            Mark::Triangle => polygon(vec![(x - 6, y + 5), (x + 6, y + 5), (x, y - 6)]),
            Mark::Diamond => polygon(vec![(x - 6, y), (x, y + 6), (x + 6, y), (x, y - 6)]),
            Mark::Tick => self.line((x, y - 5), (x, y + 5), 2, ink),
        }
    }

    /// The axis: lines at these values from `top` to `bottom`, each with its label below.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn axis(
        &self,
        axis: &Axis,
        ticks: &[(f64, String)],
        [top, bottom]: [i32; 2],
    ) -> Result<(), PictureError> {
        let mut free = i32::MIN;
        for (value, label) in ticks {
            let x = axis.at(*value);
            self.line((x, top), (x, bottom), 1, GRID)?;
            let half = text_width(label, 12) / 2;
            if x - half >= free {
                self.text(label, (x, bottom + 11), 12, MUTED, Align::Centre)?;
                free = x + half + 6;
            }
        }
        Ok(())
    }

    /// Names of symbols in lines of this width, from this point on. Returns the height.
    ///
    /// # Errors
    /// The backend's.
    pub(super) fn key(
        &self,
        symbols: &[(Mark, Ink, &str)],
        (left, top): (i32, i32),
        right: i32,
    ) -> Result<i32, PictureError> {
        let (mut x, mut y) = (left, top);
        for &(mark, ink, name) in symbols {
            let width = 16 + text_width(name, 12) + 14;
            if x > left && x + width > right {
                (x, y) = (left, y + KEY_LINE);
            }
            self.mark(mark, (x + 6, y + KEY_LINE / 2), ink)?;
            self.text(name, (x + 17, y + KEY_LINE / 2), 12, MUTED, Align::Left)?;
            x += width;
        }
        Ok(y + KEY_LINE - top)
    }
}

/// The height of a line of a key.
const KEY_LINE: i32 = 20;

fn stroke(ink: Ink, width: u32) -> ShapeStyle {
    RGBColor::from(ink).stroke_width(width)
}

/// The height that [`Canvas::key`] takes.
#[must_use]
pub(super) fn key_height(symbols: &[(Mark, Ink, &str)], width: i32) -> i32 {
    let (mut x, mut lines) = (0, 1);
    for (_, _, name) in symbols {
        let mark = 16 + text_width(name, 12) + 14;
        if x > 0 && x + mark > width {
            (x, lines) = (0, lines + 1);
        }
        x += mark;
    }
    lines * KEY_LINE
}
