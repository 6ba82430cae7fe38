//! The two stories beside each other, one panel for each thing that is told.

use std::path::Path;

use plotters::prelude::*;
use sluicegate_tests::outage::{Second, Story};

const SIZE: (u32, u32) = (900, 820);
const WITH: RGBColor = RGBColor(0, 114, 178);
const WITHOUT: RGBColor = RGBColor(213, 94, 0);

type Value = fn(&Second) -> f64;

/// What each panel shows.
const PANELS: [(&str, Value); 4] = [
    ("calls a second", |second| f64::from(u32::try_from(second.calls).unwrap_or(u32::MAX))),
    ("breaker (0 closed, 1 half-open, 2 open)", |second| match second.state.as_str() {
        "open" => 2.0,
        "half-open" => 1.0,
        _ => 0.0,
    }),
    ("events waiting for the service", |second| count(second.waiting)),
    ("dead letters", |second| count(second.letters)),
];

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn draw(path: &Path, with: &Story, without: &Story) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).unwrap();
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let panels = area.split_evenly((PANELS.len(), 1));
    for (panel, (title, value)) in panels.iter().zip(PANELS) {
        let (blue, orange) = (points(with, value), points(without, value));
        let all = blue.iter().chain(&orange);
        let most = all.map(|(_, y)| *y).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(52)
            .build_cartesian_2d(-300.0..900.0, 0.0..most * 1.05)
            .unwrap();
        chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("").draw().unwrap();
        let away = Rectangle::new([(0.0, 0.0), (300.0, most * 1.05)], BLACK.mix(0.06).filled());
        chart.draw_series([away]).unwrap();
        for (points, colour, name) in
            [(orange, WITHOUT, "without"), (blue, WITH, "with breaker and parking")]
        {
            let line = chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).unwrap();
            line.label(name).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
            });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .draw()
            .unwrap();
    }
    area.present().unwrap();
}

/// Seconds from the beginning of the outage. What was not looked at is as it was last.
fn points(story: &Story, value: Value) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut last = Second::default();
    let begin = story.away.start.saturating_sub(300);
    for at in begin..story.away.start + 900 {
        let seen = story.seconds.get(&at);
        last = match seen {
            Some(second) => second.clone(),
            None => Second { calls: 0, faults: 0, ..last },
        };
        let x = f64::from(u32::try_from(at - begin).unwrap_or(u32::MAX)) - 300.0;
        points.push((x, value(&last)));
    }
    points
}
