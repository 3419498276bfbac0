"""Three services as plain as the original ones: they honour contract.md section 2 and know nothing else."""
