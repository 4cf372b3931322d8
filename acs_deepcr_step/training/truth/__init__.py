"""Which pixels cosmic rays hit, by TweakReg and AstroDrizzle, and how complete such truth is."""
