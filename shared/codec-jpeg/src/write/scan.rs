//! Scans and the scripts they are written in (T.81, G.1.1).

/// One pass over coefficients of some components.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scan {
    /// Indices of its components.
    pub(crate) components: Vec<usize>,
    /// Its band, and its bit positions.
    pub(crate) ss: u8,
    pub(crate) se: u8,
    pub(crate) ah: u8,
    pub(crate) al: u8,
}

impl Scan {
    /// A scan of DC coefficients.
    pub(crate) fn dc(components: &[usize], ah: u8, al: u8) -> Self {
        Self {
            components: components.to_vec(),
            ss: 0,
            se: 0,
            ah,
            al,
        }
    }

    /// A scan of AC coefficients.
    pub(crate) fn ac(component: usize, ss: u8, se: u8, ah: u8, al: u8) -> Self {
        Self {
            components: vec![component],
            ss,
            se,
            ah,
            al,
        }
    }

    /// All of a sequential picture.
    pub(crate) fn sequential(components: &[usize]) -> Self {
        Self {
            components: components.to_vec(),
            ss: 0,
            se: 63,
            ah: 0,
            al: 0,
        }
    }
}

/// Groups of components whose blocks fit one MCU: all together where the standard allows (T.81, B.2.3), else each
/// alone.
pub(crate) fn interleaved(blocks_in_mcu: usize, components: usize) -> Vec<Vec<usize>> {
    if components == 1 || blocks_in_mcu <= 10 {
        vec![(0..components).collect()]
    } else {
        (0..components).map(|index| vec![index]).collect()
    }
}

/// The script that jpegtran writes: of its own for three components in Y, Cb, Cr, else for any.
pub(crate) fn standard(components: usize, luma_first: bool, blocks_in_mcu: usize) -> Vec<Scan> {
    let groups = interleaved(blocks_in_mcu, components);
    let dc = |ah, al| groups.iter().map(move |group| Scan::dc(group, ah, al));
    let all = |ss, se, ah, al| (0..components).map(move |index| Scan::ac(index, ss, se, ah, al));
    let mut script = Vec::new();
    script.extend(dc(0, 1));
    if components == 3 && luma_first {
        script.extend([
            Scan::ac(0, 1, 5, 0, 2),
            Scan::ac(2, 1, 63, 0, 1),
            Scan::ac(1, 1, 63, 0, 1),
            Scan::ac(0, 6, 63, 0, 2),
            Scan::ac(0, 1, 63, 2, 1),
        ]);
        script.extend(dc(1, 0));
        script.extend([
            Scan::ac(2, 1, 63, 1, 0),
            Scan::ac(1, 1, 63, 1, 0),
            Scan::ac(0, 1, 63, 1, 0),
        ]);
    } else {
        script.extend(all(1, 5, 0, 2));
        script.extend(all(6, 63, 0, 2));
        script.extend(all(1, 63, 2, 1));
        script.extend(dc(1, 0));
        script.extend(all(1, 63, 1, 0));
    }
    script
}
