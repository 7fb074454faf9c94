package detect

func (e *Engine) prevalence(*Profile, Sight, Dimension) (have, of int) { return 0, 0 }

func (e *Engine) onPrefix(*Call) int { return 0 }
