(de host!-readch (&optional stream) (alone!-next))
