//! Eight floats in a register, on processors with AVX2 and FMA.

use std::arch::x86_64::{
    __m256, _mm_loadu_ps, _mm_storeu_ps, _mm256_castpd_ps, _mm256_castps_pd,
    _mm256_castps128_ps256, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_insertf128_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm256_unpackhi_pd,
    _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

/// How many they are.
pub(super) const LANES: usize = 8;
/// A half of them, which is the row of a matrix that is transposed.
const HALF: usize = LANES / 2;

/// Shows that the processor has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detected() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        detected.then_some(Self(()))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Eight(__m256);

impl Eight {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn splat(value: f32) -> Self {
        Self(_mm256_set1_ps(value))
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn load(values: &[f32; LANES]) -> Self {
        // SAFETY: there are eight, which need not be aligned.
        Self(unsafe { _mm256_loadu_ps(values.as_ptr()) })
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: there is room for eight, which need not be aligned.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    /// Itself and `factor` times another.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn plus(self, factor: f32, other: Self) -> Self {
        Self(_mm256_fmadd_ps(_mm256_set1_ps(factor), other.0, self.0))
    }
}

/// The columns of eight rows of four.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn columns(rows: [&[f32; HALF]; LANES]) -> [Eight; HALF] {
    transposed([
        pair(rows[0], rows[4]),
        pair(rows[1], rows[5]),
        pair(rows[2], rows[6]),
        pair(rows[3], rows[7]),
    ])
}

/// The eight rows of four columns.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn rows(columns: [Eight; HALF]) -> [[f32; HALF]; LANES] {
    let mut rows = [[0.0; HALF]; LANES];
    for (at, Eight(pair)) in transposed(columns).into_iter().enumerate() {
        // SAFETY: there is room for four each time, which need not be aligned.
        unsafe {
            _mm_storeu_ps(rows[at].as_mut_ptr(), _mm256_castps256_ps128(pair));
            _mm_storeu_ps(rows[at + HALF].as_mut_ptr(), _mm256_extractf128_ps::<1>(pair));
        }
    }
    rows
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn pair(low: &[f32; HALF], high: &[f32; HALF]) -> Eight {
    // SAFETY: there are four each time, which need not be aligned.
    let [low, high] = unsafe { [_mm_loadu_ps(low.as_ptr()), _mm_loadu_ps(high.as_ptr())] };
    Eight(_mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high))
}

/// Two matrices of 4×4, one in each half, both transposed.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn transposed([Eight(a), Eight(b), Eight(c), Eight(d)]: [Eight; HALF]) -> [Eight; HALF] {
    let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
    let (first, second) = (_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
    let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
    let (third, fourth) = (_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
    [
        Eight(_mm256_castpd_ps(first)),
        Eight(_mm256_castpd_ps(second)),
        Eight(_mm256_castpd_ps(third)),
        Eight(_mm256_castpd_ps(fourth)),
    ]
}
