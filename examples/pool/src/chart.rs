//! The picture: resident memory over time, on a transparent ground, in colours that a light and a dark page both show.

use std::path::Path;

use plotters::{
    prelude::{
        AreaSeries, ChartBuilder, Color as _, IntoDrawingArea as _, LineSeries, PathElement, RGBColor, SVGBackend,
    },
    style::{IntoFont as _, ShapeStyle},
};

use crate::run::Sample;

const TEXT: RGBColor = RGBColor(0x88, 0x88, 0x88);
const NEAR: RGBColor = RGBColor(0x2f, 0x81, 0xc8);
const FAR: RGBColor = RGBColor(0xd9, 0x8a, 0x1f);
const ONLINE: RGBColor = RGBColor(0x3f, 0xa3, 0x5b);
const RSS: RGBColor = RGBColor(0xd0, 0x45, 0x6a);

/// Draws the samples into a file.
///
/// # Errors
/// The file can't be written.
pub fn draw(path: &Path, samples: &[Sample]) -> Result<(), Box<dyn std::error::Error>> {
    let end = samples.last().map_or(1.0, |sample| sample.seconds);
    let top = samples.iter().map(|sample| sample.online.max(sample.rss)).fold(1.0, f64::max) * 1.25;
    let root = SVGBackend::new(path, (900, 420)).into_drawing_area();
    let font = |size: u32| ("sans-serif", size).into_font().color(&TEXT);
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    let mesh = &mut chart.configure_mesh();
    mesh.disable_x_mesh().bold_line_style(TEXT.mix(0.2)).light_line_style(TEXT.mix(0.0)).axis_style(TEXT);
    mesh.label_style(font(14)).axis_desc_style(font(14)).x_desc("seconds").y_desc("MiB");
    mesh.x_label_formatter(&|x| format!("{x:.1}")).y_label_formatter(&|y| format!("{y:.0}")).draw()?;

    let stacked = samples.iter().map(|sample| (sample.seconds, sample.near + sample.far));
    let near = samples.iter().map(|sample| (sample.seconds, sample.near));
    let online = samples.iter().map(|sample| (sample.seconds, sample.online));
    let rss = samples.iter().map(|sample| (sample.seconds, sample.rss));
    let key = |style: ShapeStyle| move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style.stroke_width(4));
    let (fill_far, fill_near) = (FAR.mix(0.75), NEAR.mix(0.85));
    chart.draw_series(AreaSeries::new(stacked, 0.0, fill_far))?.label("pages in the far tier").legend(key(FAR.into()));
    chart.draw_series(AreaSeries::new(near, 0.0, fill_near))?.label("pages in the near tier").legend(key(NEAR.into()));
    let line = LineSeries::new(online, ONLINE.stroke_width(2));
    chart.draw_series(line)?.label("blocks online").legend(key(ONLINE.into()));
    let line = LineSeries::new(rss, RSS.stroke_width(2));
    chart.draw_series(line)?.label("resident set of the process").legend(key(RSS.into()));
    let labels = &mut chart.configure_series_labels();
    labels.position(plotters::chart::SeriesLabelPosition::UpperLeft).legend_area_size(30).margin(6);
    labels.label_font(font(14)).draw()?;
    root.present()?;
    Ok(())
}
